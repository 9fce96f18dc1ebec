create or replace function postrider_internal.charge_repeats(
  event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], requests smallint[], batch_ids uuid[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_others alone, under its planner settings. One request was taken from the rate when the delivery was
-- leased; only its end shows that there were more. So these delay the next ones. A row that an operator or a walk has locked
-- is not waited for, and its repeats are not counted then.
begin
  update postrider.endpoint_pace p
  set spent_until = greatest(p.spent_until, clock_timestamp()) + m.repeats * (interval '1 s' / m.rate)
  from (
    select k.endpoint_id, a.repeats, e.rate
    from (
      select o.endpoint_id, sum(o.requests - 1) as repeats
      from (
        select distinct r.endpoint_id, coalesce(r.batch_id, r.event_id) as request_id, r.requests
        from unnest(event_ids, endpoint_ids, attempt_ids, requests, batch_ids) r (event_id, endpoint_id, attempt_id, requests, batch_id)
        where r.requests > 1 and r.attempt_id is not null) o
      group by o.endpoint_id) a
    cross join lateral (
      select n.effective_rate::float8 as rate
      from postrider.endpoint n
      where n.id = a.endpoint_id and n.effective_rate is not null
      offset 0) e
    cross join lateral (
      select l.endpoint_id from postrider.endpoint_pace l where l.endpoint_id = a.endpoint_id for update skip locked) k) m
  where p.endpoint_id = m.endpoint_id;
end
$$;
comment on function postrider_internal.charge_repeats(uuid[], uuid[], uuid[], smallint[], uuid[]) is
  'Takes from the rates of endpoints what these attempts sent beyond one request each, such as after an answer 401.';
