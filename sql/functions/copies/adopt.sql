-- grant: execute to operator
--
-- The cursor of a copy consists of transaction ids of another cluster. An event is settled, which means claimed in that
-- cluster, if it has a delivery or a pair in a claim. Most events match no endpoint; they are settled if the cursor's
-- snapshots see their transactions. If the cursor was restored or replicated, that is not enough: an application may
-- insert into the copy meanwhile, and the old snapshots mistake its ids for theirs. So an event is not settled if it
-- was written here (Postgres's xmin of the row equals the id in the row), or if it was inserted after the cursor's last
-- claim. The clock alone cannot tell: while a subscription runs, further claims arrive that are later than events
-- inserted here. If the cursor itself was written here (a copy of a template or pg_upgrade, which keep the files), all
-- ids belong to one history, and the snapshots are right.
--
--   settled events    get the transaction id 3, the oldest there is, if the new cursor would not see their own
--   all others        get the id of the adopting transaction and new seqs, in the order of the old ones. The next claims
--                     find them page by page, like any event, and route them by the subscriptions of that time
--   what was in hand  stays in its claims and is taken over, because the daemons that had it are deleted
--   pending           stays as it is; leases run out
--
-- So no settled event is routed a second time, whatever endpoints were created since. Adopting reads the whole outbox. If
-- the new cluster is younger than the old one, it also writes nearly all of it: 10 us an event, and the outbox is twice
-- as large until it is vacuumed. The alternative is a seq below which everything is settled. It would write nothing, but
-- every statement that compares an event with the cursor would have to check it forever.

create or replace function postrider.adopt(dry_run boolean default false) returns table (
  outcome text,
  problem text,
  events bigint,
  unclaimed bigint,
  moved bigint,
  in_hand bigint,
  pending bigint
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
-- Unclaimed events are written in the order of their list, by one look-up after the other.
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  -- Applications may draw numbers while the sequence is moved.
  seq_gap constant integer := 1000;
  oldest_xid constant xid8 := '3';
  place record;
  cursor_row record;
  new_base pg_snapshot;
  new_claim_id bigint;
  unsettled uuid[];
begin
  problem := postrider.copy_problem();
  if problem is not null and not dry_run then
    lock table only postrider.claim_lock in share update exclusive mode;
    problem := postrider.copy_problem(); -- another session may have adopted it meanwhile
  end if;
  if problem is null then
    outcome := 'nothing to adopt';
    return next;
    return;
  end if;
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, c.claimed_at, c.is_copied into cursor_row
  from postrider_internal.require_adoptable() c;
  -- Before anything else is read, and before this transaction has an id: what commits from here on is new.
  new_base := pg_current_snapshot();
  if not dry_run then
    -- Locked now and not at the end, because a session that holds it then would undo all the work.
    insert into postrider.sending default values on conflict on constraint sending_pkey do nothing;
    perform from postrider.sending s where s.is_row for update;
  end if;

  select count(*), count(*) filter (where s.is_settled and not pg_visible_in_snapshot(s.xid, new_base)),
         coalesce(array_agg(s.id order by s.created_at, s.seq) filter (where not s.is_settled), '{}')
  into events, moved, unsettled
  from (
    -- Events of the copy and events inserted since may have the same seqs; within each group seqs follow the time.
    select o.id, o.xid, o.seq, o.created_at,
           postrider_internal.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                                cursor_row.after_seq, cursor_row.aside_xids, cursor_row.aside_seqs,
                                cursor_row.claimed_at, cursor_row.is_copied)
           or o.erased_at is not null or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
           or o.id in (select e.id from postrider.claim c cross join lateral unnest(c.event_ids) e (id)) as is_settled
    from postrider.outbox o) s;
  unclaimed := cardinality(unsettled);
  select count(*) into in_hand
  from postrider.claim c
  cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
  where not exists (
    select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
    offset 0);
  select count(*) into pending from postrider.delivery d where d.state = 'pending';
  if dry_run then
    outcome := 'would be adopted';
    return next;
    return;
  end if;

  perform postrider_internal.move_sequence('postrider.outbox', 'seq', (select max(o.seq) from postrider.outbox o), seq_gap);
  perform postrider_internal.move_sequence('postrider.claim', 'id', cursor_row.id, 1);

  -- These first, because one of them may have the id of this transaction; with the id 3 they stay settled.
  update postrider.outbox o
  set xid = oldest_xid
  where not pg_visible_in_snapshot(o.xid, new_base)
    and (postrider_internal.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                              cursor_row.after_seq, cursor_row.aside_xids, cursor_row.aside_seqs,
                              cursor_row.claimed_at, cursor_row.is_copied)
      or o.erased_at is not null or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
      or o.id in (select e.id from postrider.claim c cross join lateral unnest(c.event_ids) e (id)));
  get diagnostics moved = row_count;

  update postrider.outbox o
  set xid = pg_current_xact_id(), seq = default
  from unnest(unsettled) u (id)
  where o.id = u.id;
  get diagnostics unclaimed = row_count;

  insert into postrider.claim (base) values (new_base) returning id into new_claim_id;
  delete from postrider.claim c where c.id < new_claim_id and cardinality(c.event_ids) = 0;
  delete from postrider.daemon;
  select p.system_identifier, p.database_oid into place from postrider_internal.present_place() p;
  update postrider.sending s
  set system_identifier = place.system_identifier, database_oid = place.database_oid, home_since = clock_timestamp();
  perform postrider_internal.refresh_judged_event_types();
  perform postrider_internal.note_action('adopt', null, null, jsonb_build_object(
    'problem', problem, 'unclaimed', unclaimed, 'moved', moved, 'in_hand', in_hand, 'pending', pending));
  outcome := 'adopted';
  return next;
end
$$;
comment on function postrider.adopt(boolean) is
  'Lets daemons work in a database that was restored or copied from another one. Use it once, after a restore or a copy that takes the place of the original; call it with dry_run first. Events that were not claimed there are claimed here, those in hand are taken over, and delivered ones are not sent again. problem: what shows that the database is a copy; moved: settled events whose transaction id was changed.';
