-- grant: execute to portal

create or replace function postrider_internal.portal_send_test_event(endpoint_id uuid, event_type text, payload json) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  sent_type constant text := coalesce(event_type, 'postrider.test');
begin
  perform postrider_internal.require_portal_endpoint('test', endpoint_id);
  if sent_type <> 'postrider.test' then
    perform postrider_internal.require_portal_type(sent_type);
  end if;
  return postrider.send_test_event(endpoint_id, sent_type, coalesce(payload, '{"test": true}'));
end
$$;
comment on function postrider_internal.portal_send_test_event(uuid, text, json) is
  'Sends a test event to an endpoint of the tenant whose token this transaction shows.';
