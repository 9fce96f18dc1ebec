create or replace function postrider_internal.lease_probe(
  daemon_id uuid,
  endpoint_id uuid,
  deliveries_max integer,
  batch_size integer,
  batch_delay_ms integer,
  lease_ms integer,
  payload_bytes_max integer,
  is_limited boolean,
  heads postrider_internal.found_heads
) returns setof postrider_internal.leased_delivery
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_deliveries alone, under its planner settings. What people ask for is put before all that waits, so it is
-- found among the first deliveries, however many there are. Of daemons that look at once, one gets the probe: it has the row
-- of endpoint_failure locked, and no one waits for it.
declare
  asked uuid[];
  leased postrider_internal.leased_delivery;
  probe_event uuid;
begin
  if postrider_internal.probe_due(endpoint_id) is null then
    -- A success was recorded while an operator had the endpoint locked.
    update postrider.endpoint e
    set circuit_opened_at = null
    from (
      select n.id from postrider.endpoint n
      where n.id = lease_probe.endpoint_id and n.circuit_opened_at is not null
      for no key update skip locked) n
    where e.id = n.id;
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_deliveries(
        daemon_id, endpoint_id, deliveries_max, batch_size, batch_delay_ms, lease_ms, payload_bytes_max, is_limited, false, heads) l;
    return;
  end if;
  asked := array(
    select a.event_id
    from (
      select d.event_id
      from postrider.delivery d
      where d.endpoint_id = lease_probe.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
      order by d.next_attempt_at
      limit deliveries_max) f
    cross join lateral (
      select d.event_id
      from postrider.delivery d
      where d.event_id = f.event_id and d.endpoint_id = lease_probe.endpoint_id and d.is_asked and d.state = 'pending' and d.next_attempt_at <= now()
      for update skip locked) a);
  perform from postrider.endpoint_failure f
  where f.endpoint_id = lease_probe.endpoint_id
    and greatest(f.next_probe_at, f.probe_until) <= now()
  for update skip locked;
  if found or cardinality(asked) > 0 then
    for leased in
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_members(daemon_id, endpoint_id, asked, null, lease_ms, payload_bytes_max, is_limited) l
      where cardinality(asked) > 0
      union all
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_deliveries(daemon_id, endpoint_id, 1, batch_size, batch_delay_ms, lease_ms, payload_bytes_max, is_limited, false, heads) l
      where cardinality(asked) = 0
    loop
      probe_event := coalesce(probe_event, leased.event_id);
      return next leased;
    end loop;
  end if;
  if is_limited and cardinality(asked) > 0 then
    perform postrider_internal.take_allowance(endpoint_id, cardinality(asked));
  end if;
  if probe_event is not null then
    update postrider.endpoint_failure f
    set probe_event_id = probe_event, probe_until = now() + lease_ms * interval '1 ms'
    from (
      select p.endpoint_id from postrider.endpoint_failure p
      where p.endpoint_id = lease_probe.endpoint_id and coalesce(p.probe_until, now()) <= now()
      for update skip locked) p
    where f.endpoint_id = p.endpoint_id;
  end if;
end
$$;
comment on function postrider_internal.lease_probe(
  uuid, uuid, integer, integer, integer, integer, integer, boolean, postrider_internal.found_heads) is
  'Leases deliveries of an endpoint whose circuit is open: those that people ask for, or else a single one, or batch, when the next probe is due.';
