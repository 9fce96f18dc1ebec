create or replace function postrider_internal.pass_empty_page(
  page postrider_internal.claim_page, daemon_id uuid, empty_claim bigint, out outcome text, out claim_id bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  behind record;
begin
  behind := postrider_internal.cursor_behind(page.base, page.target, page.after_xid, page.after_seq, page.is_complete,
    null, null, page.aside_xids, page.aside_seqs, page.ended_xids);
  outcome := case when behind.aside_xids is null then 'empty' else 'aside' end;
  if page.must_move then
    select s.claim_id into claim_id
    from postrider_internal.store_claim(behind.base, behind.target, behind.after_xid, behind.after_seq,
      behind.aside_xids, behind.aside_seqs, null, null, null, pass_empty_page.daemon_id, empty_claim) s;
  end if;
end
$$;
comment on function postrider_internal.pass_empty_page(postrider_internal.claim_page, uuid, bigint) is
  'The outcome of a claim that has found no events. Moves the cursor if it must.';
