create or replace function postrider_internal.lease_members(
  daemon_id uuid, endpoint_id uuid, event_ids uuid[], batch_id uuid, lease_ms integer, payload_bytes_max integer, is_limited boolean
) returns setof postrider_internal.leased_delivery
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_deliveries, lease_batches, lease_ordered and lease_probe alone, under their planner settings.
begin
  return query
    with leased as (
      update postrider.delivery d
      set leased_by = lease_members.daemon_id,
          lease_expires_at = now() + lease_ms * interval '1 ms',
          next_attempt_at = now() + lease_ms * interval '1 ms',
          batch_id = lease_members.batch_id,
          is_asked = null,
          is_counted = case when lease_members.is_limited then d.event_id = event_ids[1] or lease_members.batch_id is null end
      from (select unnest(event_ids) as event_id, lease_members.endpoint_id as endpoint_id offset 0) m
      where d.event_id between m.event_id and m.event_id and d.endpoint_id = m.endpoint_id
      returning d.event_id, d.attempts, d.attempts_before, d.replay_id, d.ordering_seq
    )
    select l.event_id, l.attempts, l.attempts_before, l.attempts_before > 0 or l.replay_id is not null,
           case when isfinite(e.deliver_at) then (extract(epoch from e.deliver_at) * 1000)::bigint end, e.event_type,
           postrider_internal.event_time(e.created_at), e.context, e.payload, lease_members.batch_id, l.ordering_seq
    from leased l
    left join lateral postrider_internal.find_event(l.event_id, payload_bytes_max) e on true;
end
$$;
comment on function postrider_internal.lease_members(uuid, uuid, uuid[], uuid, integer, integer, boolean) is
  'Leases these deliveries, which the transaction has locked: each alone, or all of them as this batch, which is stored with the lease, so that it is sent again with the same members and the same id. is_limited: whether each request counts for limits of the endpoint.';
