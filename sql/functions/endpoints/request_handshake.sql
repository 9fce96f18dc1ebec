-- grant: execute to operator

create or replace function postrider.request_handshake(endpoint_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.lock_endpoint(endpoint_id);
  update postrider.endpoint_handshake h set next_at = now(), refusals = 0 where h.endpoint_id = endpoint_id;
  if not found then
    raise exception 'endpoint % has no handshake', endpoint_id
      using errcode = 'object_not_in_prerequisite_state',
        hint = format('update postrider.endpoint set handshake = true where id = %L', endpoint_id);
  end if;
  perform postrider_internal.note_action('request_handshake', endpoint_id, null, '{}');
  perform postrider_internal.notify_daemons('operator');
end
$$;
comment on function postrider.request_handshake(uuid) is
  'Asks the receiver of an endpoint for its consent now, instead of when postrider.endpoint_handshake says. Use it once the receiver was mended, or to ask again for its rate.';
