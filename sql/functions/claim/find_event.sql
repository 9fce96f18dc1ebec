create or replace function postrider_internal.find_event(id uuid, payload_bytes_max integer)
returns setof postrider_internal.claimed_event
language sql stable
-- Without a setting, so that Postgres inlines it: one probe for each event, of one partition.
begin atomic
  select o.id, o.event_type, o.created_at, o.deliver_at,
         postrider_internal.claim_context(o.ordering_key, o.attributes, find_event.payload_bytes_max),
         postrider_internal.small_payload(o.payload, find_event.payload_bytes_max)
  from postrider.outbox o
  where o.id = find_event.id and o.erased_at is null
  offset 0;
end;
comment on function postrider_internal.find_event(uuid, integer) is
  'The event of that id, as claims give it to a daemon; no row if it is gone or was erased.';
