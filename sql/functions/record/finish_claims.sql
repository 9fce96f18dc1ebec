create or replace function postrider_internal.finish_claims(
  daemon_id uuid, claims bigint[], epochs uuid[], present_epoch uuid, out kept_claims bigint[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
declare
  recorded bigint[];
  newest bigint;
begin
  -- A claim goes only when each of its pairs has a row: a crash of Postgres may have taken back what an earlier flush
  -- recorded. Within one epoch it cannot have: whatever keeps this transaction keeps those before it. A claim that is
  -- neither returned nor deleted is one that its daemon does not know, and adopts.
  recorded := array(
    select c.id from postrider.claim c
    where c.id = any (claims) and c.daemon_id = finish_claims.daemon_id
      and (epochs[array_position(claims, c.id)] is not distinct from present_epoch
        or postrider_internal.is_recorded(c.event_ids, c.endpoint_ids)));
  -- The newest row is the cursor and stays until the next claim has made a newer one.
  newest := (select n.id from postrider.claim n order by n.id desc limit 1);
  delete from postrider.claim c where c.id = any (recorded) and c.daemon_id = finish_claims.daemon_id and c.id < newest;
  kept_claims := array(select u.id from unnest(recorded) u (id) where u.id >= newest);
end
$$;
comment on function postrider_internal.finish_claims(uuid, bigint[], uuid[], uuid) is
  'Deletes claims whose pairs are all recorded. epochs: of each, the one in which all of it was recorded. kept_claims: those that are recorded but must stay for now.';
