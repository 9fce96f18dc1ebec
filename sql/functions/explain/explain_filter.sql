create or replace function postrider_internal.explain_filter(payload json, filter jsonpath) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  answer boolean;
begin
  answer := payload::jsonb @@ filter;
  return case
    when answer then null
    when not answer then format('the filter %s is false', filter)
    else format('the filter %s has no answer, so it does not match: a member is missing, or values cannot be compared', filter)
  end;
exception when others then
  if left(sqlstate, 2) in ('53', '57', '58') then
    raise;
  end if;
  return format('the filter %s cannot be applied to the payload: %s', filter, sqlerrm);
end
$$;
comment on function postrider_internal.explain_filter(json, jsonpath) is
  'Why a payload does not match a filter; null if it does.';
