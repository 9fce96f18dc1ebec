create or replace function postrider_internal.read_cursor(
  out claim_id bigint, out base pg_snapshot, out target pg_snapshot, out after_xid xid8, out after_seq bigint,
  out aside_xids xid8[], out aside_seqs bigint[], out empty_claim bigint, out is_on boolean
)
language plpgsql volatile -- it must see the claim that was committed before the claim lock was taken
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  home text;
begin
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, c.empty_claim, s.is_on, s.place
  into claim_id, base, target, after_xid, after_seq, aside_xids, aside_seqs, empty_claim, is_on, home
  from (
    select n.id, n.base, n.target, n.after_xid, n.after_seq, n.aside_xids, n.aside_seqs,
           -- An array without elements takes 13 to 16 bytes, and one with any at least 37: this need not read it.
           case when pg_column_size(n.event_ids) <= 16 then n.id end as empty_claim
    from postrider.claim n
    order by n.id desc
    limit 1) c
  left join (
    select h.is_on, case when h.database_oid is not null then concat(h.system_identifier, '/', h.database_oid) end as place
    from postrider.sending h
    where h.is_row) s on true;
  if not found then
    raise exception 'cannot claim events: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'insert into postrider.claim (base) values (''1:1:'') claims every event again; the present snapshot, pg_current_snapshot(), skips all events before it.';
  end if;
  if is_on is null or home is distinct from coalesce(current_setting('postrider.place', true), '') then
    perform postrider_internal.require_home();
  end if;
  if is_on and pg_snapshot_xmax(coalesce(target, base)) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'cannot claim events: the cursor is at transaction % and this server only at %',
      pg_snapshot_xmax(coalesce(target, base)), pg_snapshot_xmax(pg_current_snapshot())
      using errcode = 'PR014',
        detail = 'The rows were made by another server: this database was restored from a dump, or copied',
        hint = 'if it is to take the place of the other one, run "postrider adopt", or select postrider.adopt()';
  end if;
end
$$;
comment on function postrider_internal.read_cursor() is
  'The newest claim, where the next one continues, and whether sending is switched on. empty_claim: the newest claim if it has no pairs, so that the next one deletes it. Raises PR014 if this database is a copy that was not adopted.';
