create or replace function postrider_internal.explain_handshake(endpoint_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return 'waits for the consent of the receiver' || coalesce(
  (select format(': %s; it is asked again %s, or at once by postrider.request_handshake()', h.reason, postrider_internal.shown_time(h.next_at))
   from postrider.endpoint_handshake h
   where h.endpoint_id = explain_handshake.endpoint_id and h.reason is not null and h.next_at is not null),
  ', which a daemon asks for');
comment on function postrider_internal.explain_handshake(uuid) is
  'Why deliveries of an endpoint wait for the consent of its receiver: what it answered, and when it is asked again.';
