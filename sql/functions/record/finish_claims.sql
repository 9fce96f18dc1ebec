create or replace function postrider_internal.finish_claims(
  daemon_id uuid, claims bigint[], epochs uuid[], present_epoch uuid, newest_claim bigint, out kept_claims bigint[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
declare
  recorded bigint[] := claims;
begin
  -- A claim goes only when each of its pairs has a row: a crash of Postgres may have taken back what an earlier flush
  -- recorded. Within one epoch it cannot have: whatever keeps this transaction keeps those before it. A claim that is
  -- neither returned nor deleted is one that its daemon does not know, and adopts.
  if cardinality(epochs) < cardinality(claims) or (present_epoch = all (epochs)) is not true then
    recorded := array(
      select c.id from postrider.claim c
      where c.id = any (claims) and c.daemon_id = finish_claims.daemon_id
        and (epochs[array_position(claims, c.id)] is not distinct from present_epoch
          or postrider_internal.is_recorded(c.event_ids, c.endpoint_ids)));
  end if;
  -- The newest row is the cursor and stays until the next claim has made a newer one.
  kept_claims := case when newest_claim = any (recorded) then array[newest_claim] else '{}' end;
  if cardinality(recorded) > cardinality(kept_claims) then
    delete from postrider.claim c
    where c.id = any (recorded) and c.daemon_id = finish_claims.daemon_id and c.id < newest_claim;
  end if;
end
$$;
comment on function postrider_internal.finish_claims(uuid, bigint[], uuid[], uuid, bigint) is
  'Deletes claims whose pairs are all recorded. epochs: of each, the one in which all of it was recorded. kept_claims: those that are recorded but must stay for now.';
