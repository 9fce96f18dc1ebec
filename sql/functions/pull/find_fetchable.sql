-- grant: execute to daemon

create or replace function postrider_internal.find_fetchable(endpoint_ids uuid[]) returns table (endpoint_id uuid)
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
begin
  return query
    select u.id
    from unnest(endpoint_ids) u (id)
    left join postrider.endpoint e on e.id = u.id
    left join postrider.pull_position p on p.endpoint_id = u.id
    where e.id is null or e.state = 'disabled'
      or e.state = 'active' and (select s.is_on from postrider.sending s where s.is_row) and postrider_internal.has_unplaced(u.id, coalesce(p.acknowledged_place, 0));
end
$$;
comment on function postrider_internal.find_fetchable(uuid[]) is
  'Which of these pull endpoints have an answer for receivers that wait: something is due, or the endpoint was disabled or deleted.';
