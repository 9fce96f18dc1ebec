create or replace function postrider_internal.lease_ordered(
  daemon_id uuid,
  endpoint_id uuid,
  heads postrider_internal.found_heads,
  keys_max integer,
  lease_ms integer,
  payload_bytes_max integer,
  is_limited boolean
) returns setof postrider_internal.leased_delivery
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_deliveries alone, under its planner settings. Of each key its first deliveries, which the daemon sends one
-- after the other: a run.
--
-- One daemon at a time leases of an endpoint, and only it: a row lock that no operator takes. The statements after it see
-- whatever was committed before, so nothing of a key that is in progress is overlooked, and no two daemons find different
-- first deliveries of one key, although a redelivery or a replay may put one before the others at any moment.
declare
  others_max integer := keys_max;
  others_count integer := 0;
  keys text[] := heads.keys;
begin
  if not postrider_internal.lock_walk(endpoint_id) then
    return;
  end if;
  if heads.moves then
    update postrider.ordered_walk w set after_key = heads.after_key where w.endpoint_id = lease_ordered.endpoint_id;
  end if;
  if heads.has_others then
    if keys is not null then
      -- Half of the room, and one for each in turn if there is room for one.
      others_max := floor(keys_max * 0.5 + random());
    end if;
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload,
             l.batch_id, l.ordering_seq
      from postrider_internal.lease_members(
        daemon_id, endpoint_id, postrider_internal.lock_unordered(endpoint_id, others_max), null, lease_ms, payload_bytes_max, is_limited) l;
    get diagnostics others_count = row_count;
  end if;
  keys := keys[:keys_max - others_count];
  if cardinality(keys) > 0 then
    if heads.has_expired then
      -- Their daemon is gone. Otherwise one that has been put before them since would come after them. One that an operator,
      -- or the record of a late result, has locked is not waited for: its key waits.
      with expired as (
        select d.event_id, d.endpoint_id
        from unnest(keys) k (ordering_key)
        cross join lateral (
          select x.event_id, x.endpoint_id
          from postrider.delivery x
          where x.endpoint_id = lease_ordered.endpoint_id and x.ordering_key = k.ordering_key and (x.leased_by is null) = false
            and x.next_attempt_at <= now() and x.ordering_seq is not null and (x.state = 'pending' or x.state = 'exhausted' and x.halts)
          for update skip locked) d
      )
      update postrider.delivery d
      set leased_by = null, lease_expires_at = null
      from expired x
      -- Not the parameter, as in put_in_order.
      where d.event_id between x.event_id and x.event_id and d.endpoint_id = x.endpoint_id;
    end if;
    return query
      select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload,
             l.batch_id, l.ordering_seq
      from postrider_internal.lease_members(daemon_id, endpoint_id,
        postrider_internal.lock_runs(endpoint_id, keys, heads.run_length),
        null, lease_ms, payload_bytes_max, is_limited) l;
  end if;
end
$$;
comment on function postrider_internal.lease_ordered(
  uuid, uuid, postrider_internal.found_heads, integer, integer, integer, boolean) is
  'Leases deliveries of an ordered endpoint to a daemon: the first ones of these keys, up to keys_max of them, and such as have no key. None if another daemon is doing so.';
