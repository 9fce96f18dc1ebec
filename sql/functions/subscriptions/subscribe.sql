-- grant: execute to operator

create or replace function postrider.subscribe(endpoint_id uuid, event_type text, filter text default null) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  subscription_id constant uuid := postrider.uuid_v7();
begin
  perform postrider_internal.lock_endpoint(endpoint_id);
  perform postrider_internal.begin_action('subscribe', endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', event_type, 'filter', filter));
  insert into postrider.subscription as s (id, endpoint_id, event_type, filter)
  values (subscription_id, endpoint_id, event_type, postrider_internal.parse_filter(filter));
  perform postrider_internal.end_action();
  return subscription_id;
end
$$;
comment on function postrider.subscribe(uuid, text, text) is
  'Subscribes an endpoint to an event type (exact, a prefix such as order.*, or *), with or without a filter. Returns the id of the subscription. Use it to send more events to an existing endpoint, from now on.';
