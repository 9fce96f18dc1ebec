-- grant: execute to portal

create or replace function postrider_internal.portal_subscribe(endpoint_id uuid, event_type text, filter text) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  subscriptions_max constant integer := 100;
  filter_max constant integer := 1000;
begin
  perform postrider_internal.require_portal_endpoint('endpoints:write', endpoint_id);
  perform postrider_internal.require_portal_type(event_type);
  if length(filter) > filter_max then
    raise exception 'the filter has % characters', length(filter)
      using errcode = 'invalid_parameter_value', hint = format('Give %s at most.', filter_max);
  end if;
  if (select count(*) from postrider.subscription s where s.endpoint_id = endpoint_id) >= subscriptions_max then
    raise exception 'the endpoint has % subscriptions already', subscriptions_max
      using errcode = 'object_not_in_prerequisite_state', hint = 'Remove one, or subscribe to a prefix such as order.*.';
  end if;
  return postrider.subscribe(endpoint_id, event_type, filter);
end
$$;
comment on function postrider_internal.portal_subscribe(uuid, text, text) is
  'Subscribes an endpoint of the tenant whose token this transaction shows, to any but Postrider''s own events, up to 100 times.';
