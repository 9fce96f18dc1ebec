create or replace function postrider_internal.is_subscribed(event_type text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return exists (
    select from postrider.subscription s
    join postrider.endpoint e on e.id = s.endpoint_id
    where s.tenant = '' and s.event_type = any (postrider_internal.event_type_patterns(is_subscribed.event_type))
      and e.state <> 'disabled');
end
$$;
comment on function postrider_internal.is_subscribed(text) is
  'Whether an endpoint that is not disabled takes events of this one of Postrider''s own types, whose tenant is the empty string.';
