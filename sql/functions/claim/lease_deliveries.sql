create or replace function postrider_internal.lease_deliveries(
  daemon_id uuid,
  endpoint_id uuid,
  deliveries_max integer,
  batch_size integer,
  batch_delay_ms integer,
  lease_ms integer,
  payload_bytes_max integer,
  is_limited boolean,
  is_open boolean,
  heads postrider_internal.found_heads
) returns setof postrider_internal.leased_delivery
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries and lease_probe alone, under their planner settings.
declare
  requests integer;
begin
  if is_open then
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_probe(daemon_id, endpoint_id, deliveries_max, batch_size, batch_delay_ms, lease_ms, payload_bytes_max, is_limited, heads) l;
    return;
  end if;
  if heads.is_ordered then
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_ordered(daemon_id, endpoint_id, heads, deliveries_max, lease_ms, payload_bytes_max, is_limited) l;
    get diagnostics requests = row_count;
    if is_limited then
      perform postrider_internal.take_allowance(endpoint_id, requests);
    end if;
    return;
  end if;
  if batch_size > 1 then
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
      from postrider_internal.lease_batches(daemon_id, endpoint_id, deliveries_max, batch_size, batch_delay_ms, lease_ms, payload_bytes_max,
        case when is_limited then deliveries_max end) l;
    return;
  end if;
  return query
    select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
    from postrider_internal.lease_members(daemon_id, endpoint_id, array(
      select d.event_id
      from postrider.delivery d
      where d.endpoint_id = lease_deliveries.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
        -- Cancelled since the look at the beginning.
        and not exists (
          select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
      order by d.next_attempt_at
      limit deliveries_max
      for update skip locked), null, lease_ms, payload_bytes_max, is_limited) l;
  if is_limited then
    get diagnostics requests = row_count;
    perform postrider_internal.take_allowance(endpoint_id, requests);
  end if;
end
$$;
comment on function postrider_internal.lease_deliveries(
  uuid, uuid, integer, integer, integer, integer, integer, boolean, boolean, postrider_internal.found_heads) is
  'Leases due deliveries of one endpoint to a daemon, up to deliveries_max of them; in batches if batch_size is above 1. is_limited: whether they count for limits of the endpoint, which allow so many requests; is_open: whether the endpoint''s circuit is open; heads: what find_heads says if it is ordered.';
