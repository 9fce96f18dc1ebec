create or replace function postrider_internal.is_recorded(event_ids uuid[], endpoint_ids uuid[]) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return not exists (
    select from unnest(is_recorded.event_ids, is_recorded.endpoint_ids) p (event_id, endpoint_id)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0));
end
$$;
comment on function postrider_internal.is_recorded(uuid[], uuid[]) is
  'Whether each of these pairs has its delivery, so that the claim that held them can be deleted.';
