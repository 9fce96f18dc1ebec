-- grant: execute to reader, operator

create or replace function postrider_internal.count_overdue(endpoint_ids uuid[], due_before timestamptz) returns table (
  overdue bigint, is_exact boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
-- Counted as far as that is cheap. Without it, an endpoint that gets nothing at all would look perfect.
declare
  counted_max constant integer := 500;
  -- More than a replay has pending at once. What is scheduled for later may be any number.
  looked_max constant integer := 20000;
  claimed record;
  unclaimed record;
begin
  if endpoint_ids is not null then
    return query
      select count(*) filter (where l.is_overdue), count(*) < counted_max and coalesce(bool_and(l.place < looked_max), true)
      from (
        select d.is_overdue, d.place
        from postrider.endpoint e
        cross join lateral (
          -- As in count_waiting.
          select w.attempts_before = 0 and w.replay_id is null
                   and (w.next_attempt_at < due_before or w.attempts > 0 or w.leased_by is not null) as is_overdue,
                 row_number() over () as place
          from (
            select d.attempts_before, d.replay_id, d.next_attempt_at, d.attempts, d.leased_by
            from postrider.delivery d
            where d.endpoint_id = e.id and d.finished_at is null and d.event_id < postrider.uuid_v7_floor(due_before)
            order by d.event_id
            limit looked_max) w) d
        where e.id = any (endpoint_ids) and e.state = 'active' and (d.is_overdue or d.place = looked_max)
        limit counted_max) l;
    return;
  end if;
  select coalesce(sum(w.overdue), 0) as overdue, coalesce(bool_and(w.is_exact), true) as is_exact into claimed
  from postrider_internal.count_waiting(counted_max, due_before, total_max => counted_max, rest_max => counted_max / 5) w
  join postrider.endpoint e on e.id = w.endpoint_id and e.state = 'active';
  select case when u.oldest_at < due_before then u.unclaimed else 0 end as overdue, u.is_exact into unclaimed
  from postrider_internal.count_unclaimed(counted_max) u;
  return query select (claimed.overdue + unclaimed.overdue)::bigint, claimed.is_exact and unclaimed.is_exact;
end
$$;
comment on function postrider_internal.count_overdue(uuid[], timestamptz) is
  'Deliveries that wait for active endpoints and were due before that time, up to some hundreds; is_exact is false if there may be more. Null for all endpoints, with the events that no daemon has claimed if the oldest of them was inserted before that time. What is scheduled for later, or was sent again by hand or by a replay, is left out.';
