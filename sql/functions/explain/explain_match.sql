create or replace function postrider_internal.explain_match(event_type text, payload json, endpoint_id uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  others text;
  rule record;
  problem text;
  problems text[] := '{}';
begin
  for rule in
    select s.filter
    from postrider.subscription s
    where s.endpoint_id = endpoint_id and s.event_type = any (postrider_internal.event_type_patterns(event_type))
    order by s.filter is not null, s.created_at, s.id
  loop
    problem := case when rule.filter is not null then postrider_internal.explain_filter(payload, rule.filter) end;
    if problem is null then
      return null;
    end if;
    problems := problems || problem;
  end loop;
  if cardinality(problems) > 0 then
    return array_to_string(problems, '; ');
  end if;
  select string_agg(distinct s.event_type, ', ') into others from postrider.subscription s where s.endpoint_id = endpoint_id;
  return format('no subscription matches the type %s: %s', event_type,
    case when others is null then 'the endpoint has none'
         when event_type = 'postrider' or event_type like 'postrider.%' then format('it has %s, and * does not mean postrider''s own events', others)
         else format('it has %s', others) end);
end
$$;
comment on function postrider_internal.explain_match(text, json, uuid) is
  'Why an event of this type with this payload does not match the present subscriptions of an endpoint; null if it does.';
