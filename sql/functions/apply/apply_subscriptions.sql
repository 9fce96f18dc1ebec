create or replace function postrider_internal.apply_subscriptions(endpoint_id uuid, declared jsonb)
returns table (before jsonb, after jsonb)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  rule record;
begin
  perform from postrider.subscription s where s.endpoint_id = endpoint_id order by s.id for update;
  for rule in
    with wanted as (
      select distinct d.value ->> 'event_type' as event_type, postrider_internal.parse_filter(d.value ->> 'filter')::text as filter
      from jsonb_array_elements(declared) d (value)
      where jsonb_typeof(d.value) = 'object'
    ), present as (
      select s.id, s.event_type, s.filter::text as filter,
             row_number() over (partition by s.event_type, s.filter::text order by s.id) as number
      from postrider.subscription s
      where s.endpoint_id = endpoint_id
    )
    select p.id, coalesce(p.event_type, w.event_type) as event_type, coalesce(p.filter, w.filter) as filter, w.event_type is not null as is_wanted
    from present p
    full join wanted w on w.event_type = p.event_type and coalesce(w.filter, '') = coalesce(p.filter, '') and p.number = 1
    where p.id is null or w.event_type is null
    order by 4, 2, 3
  loop
    before := null;
    after := null;
    if rule.is_wanted then
      perform postrider.subscribe(endpoint_id, rule.event_type, rule.filter);
      after := jsonb_strip_nulls(jsonb_build_object('event_type', rule.event_type, 'filter', rule.filter));
    else
      perform postrider.unsubscribe(rule.id);
      before := jsonb_strip_nulls(jsonb_build_object('event_type', rule.event_type, 'filter', rule.filter));
    end if;
    return next;
  end loop;
end
$$;
comment on function postrider_internal.apply_subscriptions(uuid, jsonb) is
  'Makes the subscriptions of an endpoint these and no others, and returns those that were removed or added.';
