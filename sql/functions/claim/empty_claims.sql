-- grant: execute to daemon

create or replace function postrider_internal.empty_claims(daemon_id uuid, claims bigint[]) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  -- A claim that is no longer the cursor is deleted, because nothing would read it again.
  delete from postrider.claim c
  where c.id = any (empty_claims.claims) and c.daemon_id = empty_claims.daemon_id
    and c.id < (select max(n.id) from postrider.claim n)
    and postrider_internal.is_recorded(c.event_ids, c.endpoint_ids);
  update postrider.claim set event_ids = '{}', endpoint_ids = '{}', xid = default
  where id = any (empty_claims.claims) and daemon_id = empty_claims.daemon_id
    and postrider_internal.is_recorded(event_ids, endpoint_ids);
end;
comment on function postrider_internal.empty_claims(uuid, bigint[]) is
  'Takes the pairs out of claims that are finished but must stay because they are the cursor.';
