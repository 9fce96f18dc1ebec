-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.count_waiting(
  counted_max integer, due_before timestamptz default null, total_max integer default null, rest_max integer default null
) returns table (endpoint_id uuid, pending bigint, due bigint, is_exact boolean, oldest_at timestamptz, overdue bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Reads what waits in the order of delivery_oldest, a part at a time, and skips the rest of an endpoint that has more than
-- is counted. So an endpoint with millions costs as much as one with counted_max, and many with a few cost only their
-- rows. A row is read at most twice, because the last endpoint of a part that was cut off begins the next part. After
-- ten such endpoints, a hundredth is counted of each further one, so a thousand of them are cheap too.
declare
  whole_max constant bigint := coalesce(total_max, 10 * counted_max::bigint);
  overdue_until constant uuid := postrider.uuid_v7_floor(due_before);
  share integer := counted_max;
  counted bigint := 0;
  place uuid := '00000000-0000-0000-0000-000000000000';
  endpoint_ids uuid[];
  pending_counts bigint[];
  due_counts bigint[];
  overdue_counts bigint[];
  oldest_ids text[];
  whole_count integer;
begin
  loop
    with part as (
      -- Columns alone: an expression would be prepared for the partition of every day.
      select d.endpoint_id, d.event_id, d.next_attempt_at, d.attempts_before, d.attempts, d.replay_id, d.leased_by
      from postrider.delivery d
      where d.finished_at is null and d.endpoint_id > place
      order by d.endpoint_id, d.event_id
      limit share + 1
    ), waiting as (
      select p.endpoint_id, count(*) as pending, count(*) filter (where p.next_attempt_at <= now()) as due,
             -- What is scheduled for later, or was sent again by hand, is not late.
             count(*) filter (
               where p.attempts_before = 0 and p.replay_id is null and p.event_id < overdue_until
                 and (p.next_attempt_at < due_before or p.attempts > 0 or p.leased_by is not null)) as overdue,
             -- As text, because there is no min(uuid) before PostgreSQL 18.
             min(p.id collate "C") filter (where substr(p.id, 15, 1) = '7') as oldest_id
      from (
        select r.endpoint_id, r.event_id, r.next_attempt_at, r.attempts_before, r.attempts, r.replay_id, r.leased_by, r.event_id::text as id
        from part r
        offset 0) p
      group by p.endpoint_id
    )
    select array_agg(w.endpoint_id order by w.endpoint_id), array_agg(w.pending order by w.endpoint_id),
           array_agg(w.due order by w.endpoint_id), array_agg(w.overdue order by w.endpoint_id),
           array_agg(w.oldest_id order by w.endpoint_id), count(*) - case when sum(w.pending) > share then 1 else 0 end,
           counted + coalesce(sum(w.pending), 0)
    into endpoint_ids, pending_counts, due_counts, overdue_counts, oldest_ids, whole_count, counted
    from waiting w;

    return query
      select w.endpoint_id, w.pending, w.due, true, postrider.uuid_v7_time(w.oldest_id::uuid), w.overdue
      from unnest(endpoint_ids[1:whole_count], pending_counts, due_counts, overdue_counts, oldest_ids) w (endpoint_id, pending, due, overdue, oldest_id)
      where w.endpoint_id is not null;
    exit when endpoint_ids is null or whole_count = cardinality(endpoint_ids);

    if whole_count = 0 then
      -- The part has its oldest ones, but perhaps none that tells its time.
      if oldest_ids[1] is null then
        oldest_ids[1] := (
          select d.event_id::text
          from postrider.delivery d
          where d.finished_at is null and d.endpoint_id = endpoint_ids[1] and substring(d.event_id::text from 15 for 1) = '7'
          order by d.event_id
          limit 1);
      end if;
      return query
        select endpoint_ids[1], share::bigint, least(due_counts[1], share), false, postrider.uuid_v7_time(oldest_ids[1]::uuid),
               least(overdue_counts[1], share);
      whole_count := 1;
    end if;
    place := endpoint_ids[whole_count];
    if counted >= whole_max then
      share := coalesce(rest_max, greatest(1, counted_max / 100));
    end if;
  end loop;
end
$$;
comment on function postrider_internal.count_waiting(integer, timestamptz, integer, integer) is
  'Pending deliveries by endpoint, each counted up to a limit, and of the rest up to rest_max, a hundredth of it, once total_max have been counted, ten times as many. is_exact is false if there are more. overdue are those that should have arrived before due_before: 0 without it.';
