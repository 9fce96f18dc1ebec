-- grant: execute to operator

create or replace function postrider.unsubscribe(subscription_id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  old_rule record;
begin
  perform from postrider.endpoint e
  where e.id = (select s.endpoint_id from postrider.subscription s where s.id = subscription_id)
  for no key update;
  select s.endpoint_id, s.event_type, s.filter into old_rule from postrider.subscription s where s.id = subscription_id for update;
  if not found then
    raise exception 'there is no subscription %', coalesce(subscription_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, endpoint_id, event_type from postrider.subscription lists them.';
  end if;
  perform postrider_internal.begin_action('unsubscribe', old_rule.endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', old_rule.event_type, 'filter', old_rule.filter::text)
      || jsonb_strip_nulls(jsonb_build_object('reason', reason)));
  delete from postrider.subscription s where s.id = subscription_id;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.unsubscribe(uuid, text) is
  'Removes a subscription. Use it if an endpoint must not get these events any more; deliveries that exist already continue.';
