create or replace function postrider_internal.lease_deliveries(
  daemon_id uuid,
  endpoint_id uuid,
  deliveries_max integer,
  batch_size integer,
  batch_delay_ms integer,
  lease_ms integer,
  payload_bytes_max integer
) returns table (
  event_id uuid,
  attempts integer,
  attempts_before integer,
  is_again boolean,
  deliver_at_ms bigint,
  event_type text,
  created_at json,
  context jsonb,
  payload json,
  batch_id uuid
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings.
begin
  if batch_size > 1 then
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id
      from postrider_internal.lease_batches(daemon_id, endpoint_id, deliveries_max, batch_size, batch_delay_ms, lease_ms, payload_bytes_max) l;
    return;
  end if;
  return query
    with due as (
      select d.event_id, d.endpoint_id
      from postrider.delivery d
      where d.endpoint_id = lease_deliveries.endpoint_id and d.state = 'pending' and d.next_attempt_at <= now()
        -- Cancelled since the look at the beginning.
        and not exists (
          select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
      order by d.next_attempt_at
      limit deliveries_max
      for update skip locked
    ), leased as (
      update postrider.delivery d
      set leased_by = lease_deliveries.daemon_id,
          lease_expires_at = now() + lease_ms * interval '1 ms',
          next_attempt_at = now() + lease_ms * interval '1 ms',
          batch_id = null
      from due
      where d.event_id between due.event_id and due.event_id and d.endpoint_id = due.endpoint_id
      returning d.event_id, d.attempts, d.attempts_before, d.replay_id
    )
    select l.event_id, l.attempts, l.attempts_before, l.attempts_before > 0 or l.replay_id is not null,
           case when isfinite(e.deliver_at) then (extract(epoch from e.deliver_at) * 1000)::bigint end, e.event_type, postrider_internal.event_time(e.created_at), e.context, e.payload, null::uuid
    from leased l
    left join lateral postrider_internal.find_event(l.event_id, payload_bytes_max) e on true;
end
$$;
comment on function postrider_internal.lease_deliveries(uuid, uuid, integer, integer, integer, integer, integer) is
  'Leases due deliveries of one endpoint to a daemon, up to deliveries_max of them; in batches if batch_size is above 1. is_again: it is sent again by hand or by a replay; deliver_at_ms: the deliver_at of its event, as Unix time.';
