-- grant: execute to operator

create or replace function postrider_internal.note_signed_request(event_id uuid, endpoint_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.require_event(event_id);
  perform postrider_internal.require_endpoint(endpoint_id);
  perform postrider_internal.note_action('sign_request', endpoint_id, event_id, null);
end
$$;
comment on function postrider_internal.note_signed_request(uuid, uuid) is
  'Notes in the audit that somebody was given the request of an event, with a signature that an endpoint accepts.';
