-- grant: execute to reader, operator

create or replace function postrider_internal.look_at_deliveries(
  way text, endpoint_ids uuid[], from_id uuid, to_id uuid, part_max integer
) returns table (part uuid, event_id uuid, endpoint_id uuid, state text, attempts integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  case way
    when 'troubled' then
      return query
        select null::uuid, d.event_id, d.endpoint_id, d.state, d.attempts
        from postrider.delivery d
        where (d.state in ('exhausted', 'discarded') or d.attempts > 1) and d.event_id >= from_id and d.event_id < to_id
        order by d.event_id desc
        limit part_max;
    when 'ended' then
      return query
        select e.id, f.event_id, e.id, f.state, f.attempts
        from unnest(endpoint_ids) e (id)
        cross join lateral (
          select d.event_id, d.state, d.attempts
          from postrider.delivery d
          where d.endpoint_id = e.id and d.state in ('exhausted', 'discarded') and d.event_id >= from_id and d.event_id < to_id
          order by d.event_id desc
          limit part_max) f;
    when 'waiting' then
      return query
        select e.id, f.event_id, e.id, f.state, f.attempts
        from unnest(endpoint_ids) e (id)
        cross join lateral (
          select d.event_id, d.state, d.attempts
          from postrider.delivery d
          where d.endpoint_id = e.id and d.finished_at is null and d.event_id >= from_id and d.event_id < to_id
          order by d.event_id desc
          limit part_max) f;
    when 'all' then
      return query
        select null::uuid, d.event_id, d.endpoint_id, d.state, d.attempts
        from postrider.delivery d
        where d.event_id >= from_id and d.event_id < to_id
        order by d.event_id desc
        limit part_max;
  end case;
end
$$;
comment on function postrider_internal.look_at_deliveries(text, uuid[], uuid, uuid, integer) is
  'The newest deliveries of a range of events, read in the order of one index: so many, or so many of each endpoint (part).';
