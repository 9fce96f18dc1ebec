create or replace function postrider_internal.window_events(
  after_xid xid8, after_seq bigint, target pg_snapshot, events_max integer, payload_bytes_max integer
) returns table (
  id uuid, xid xid8, seq bigint, event_type text, tenant text, created_at timestamptz, deliver_at timestamptz, context jsonb,
  payload json
)
language sql stable
-- Without a setting, so that Postgres inlines it.
begin atomic
  select i.id, i.xid, i.seq, i.event_type, i.tenant, i.created_at, i.deliver_at,
         postrider_internal.claim_context(i.ordering_key, i.attributes, window_events.payload_bytes_max), i.payload
  from (
    select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at, o.deliver_at, o.ordering_key, o.attributes, o.payload
    from postrider.outbox o
    -- This comparison of rows lets the index begin at the event itself. With another lower bound of xid beside it, the
    -- index would begin there.
    where (o.xid, o.seq) > (window_events.after_xid, window_events.after_seq)
      and o.xid < pg_snapshot_xmax(window_events.target)
    order by o.xid, o.seq
    offset 0) i -- so that the next condition is prepared once, and not for each partition
  where pg_visible_in_snapshot(i.xid, window_events.target)
  order by i.xid, i.seq
  limit window_events.events_max;
end;
comment on function postrider_internal.window_events(xid8, bigint, pg_snapshot, integer, integer) is
  'The events behind that one that are visible in target, in the order of (xid, seq).';
