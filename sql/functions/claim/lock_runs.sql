create or replace function postrider_internal.lock_runs(endpoint_id uuid, keys text[], run_max integer) returns uuid[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_ordered alone, under its planner settings, and once it has the endpoint's row of ordered_walk.
declare
  base pg_snapshot;
  aside_seqs bigint[];
begin
  -- Before the deliveries, so that all deliveries of the claims up to this one can be seen.
  select c.base, c.aside_seqs into base, aside_seqs from postrider.claim c order by c.id desc limit 1;
  return (
    select array_agg(h.event_id order by h.key_number, h.n)
    from (
      select f.key_number, f.n, f.event_id, bool_and(l.event_id is not null) over (partition by f.key_number order by f.n) as is_held
      from (
        select k.key_number, r.event_id, row_number() over (partition by k.key_number order by r.is_free, r.ordering_seq) as n,
               r.is_free and r.state = 'pending' and r.next_attempt_at <= now()
               and r.ordering_seq <= all (coalesce(aside_seqs, '{}')) and coalesce(pg_visible_in_snapshot(o.xid, base), true) as is_next
        from unnest(keys) with ordinality k (ordering_key, key_number)
        cross join lateral (
          select d.event_id, d.ordering_seq, d.state, d.next_attempt_at, d.leased_by is null as is_free
          from postrider.delivery d
          where d.endpoint_id = lock_runs.endpoint_id and d.ordering_key = k.ordering_key
            and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
          order by (d.leased_by is null), d.ordering_seq
          limit run_max) r
        left join lateral (
          select i.xid from postrider.outbox i where i.id = r.event_id offset 0) o on true) f
      -- A run ends before one that an operator has locked, or that was cancelled since the look at the beginning.
      left join lateral (
        select d.event_id
        from postrider.delivery d
        where d.event_id = f.event_id and d.endpoint_id = lock_runs.endpoint_id and f.is_next
          and d.state = 'pending' and d.leased_by is null and d.next_attempt_at <= now()
          and not exists (
            select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
        for update skip locked) l on true) h
    where h.is_held);
end
$$;
comment on function postrider_internal.lock_runs(uuid, text[], integer) is
  'Locks the first deliveries of each of these keys of an ordered endpoint, up to run_max of a key, as far as they can be sent one after the other, and returns their events, those of a key in their order.';
