-- Restores and copies: the switch that stops all sending, and adopt(), by which daemons go on in a copy.
-- locks: postrider.sending, exclusively and for a moment, to give it its triggers
-- breaking: yes
--
-- Adopting. The cursor of a copy is made of transaction ids of another cluster. An event is settled, claimed in that one, if
-- it has a delivery, or a pair in a claim; or else, for most match no endpoint, if the cursor's snapshots see its transaction.
-- Where the cursor was restored or replicated, that is not enough: an application may insert into the copy meanwhile, and the
-- old snapshots take its ids for theirs. Then an event is not settled that was written here (Postgres's xmin of the row is
-- the id that it says), and not one that was inserted after the cursor's last claim. The clock alone does not tell: while a
-- subscription runs, further claims arrive, and their time is later than that of events inserted here. Where the cursor was
-- written here itself (a template's copy, pg_upgrade: files as they were), all ids are of one line, and its snapshots are right.
--
--   settled events    are given the transaction id 3, the oldest that there is, where the new cursor would not see theirs
--   all others        are given the id of the adopting transaction and new seqs, in the order of the old ones: the next
--                     claims find them, in pages, as they find any event, and route them by the subscriptions of that time
--   what was in hand  stays in the claims it is in, and is taken over: the daemons that had it are forgotten
--   pending           stays as it is, leases run out
--
-- So nothing that is settled is routed a second time, whatever endpoints were made since.
-- The whole outbox is read, and where the new cluster is younger than the old one nearly all of it is written: 10 us an event,
-- and the outbox is twice as large until it is vacuumed. The alternative, a bound of seqs below which everything is settled,
-- would write nothing, and would have to be looked at by all who compare an event with the cursor, for ever after.

-- Switching -------------------------------------------------------------------------------------------------------

create function postrider.sending_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.is_on, new.reason) is distinct from (old.is_on, old.reason) then
    new.changed_at := clock_timestamp();
    new.changed_by := session_user;
    if new.is_on then
      new.reason := null;
    end if;
  end if;
  -- What was written down with a guard says nothing without it: with the same oid, 16384 in most fresh clusters, a copy in
  -- another cluster would be at work from the next beat on, adopted by nobody.
  if new.is_guarded <> old.is_guarded then
    new.system_identifier := null;
    new.database_oid := null;
    new.home_since := null;
  end if;
  return new;
end
$$;
comment on function postrider.sending_changing() is 'Notes when and by whom sending was switched, and forgets the home where the guard is changed.';
create trigger sending_changing before update on postrider.sending
  for each row when ((new.is_on, new.reason, new.is_guarded) is distinct from (old.is_on, old.reason, old.is_guarded))
  execute function postrider.sending_changing();
comment on trigger sending_changing on postrider.sending is 'Keeps changed_at and changed_by, and forgets the home where the guard is changed.';

create function postrider.sending_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  untold constant text[] := '{is_row,changed_at,changed_by,home_since}';
begin
  insert into postrider.audit (action, before, after)
  values (lower(tg_op) || ' sending',
          case when tg_op <> 'INSERT' then to_jsonb(old) - untold end,
          case when tg_op <> 'DELETE' then to_jsonb(new) - untold end);
  perform postrider.notify_daemons();
  return null;
end
$$;
comment on function postrider.sending_changed() is
  'Notes in the audit that sending was switched, that the guard was changed, or that the home was, and tells the daemons.';
-- That the first daemon writes down where it works is no change of anything.
create trigger sending_changed after update on postrider.sending
  for each row when ((new.is_on, new.reason, new.is_guarded) is distinct from (old.is_on, old.reason, old.is_guarded)
    or old.database_oid is not null
      and (new.system_identifier, new.database_oid) is distinct from (old.system_identifier, old.database_oid))
  execute function postrider.sending_changed();
comment on trigger sending_changed on postrider.sending is 'Notes the change in the audit, and tells the daemons.';
create trigger sending_replaced after insert or delete on postrider.sending
  for each row execute function postrider.sending_changed();
comment on trigger sending_replaced on postrider.sending is 'Notes in the audit that the row was taken out or put in, and tells the daemons.';

-- Adopting --------------------------------------------------------------------------------------------------------

create function postrider.move_sequence(table_name text, column_name text, largest bigint, gap integer) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  sequence constant text := pg_get_serial_sequence(table_name, column_name);
  last_value bigint;
begin
  execute format('select s.last_value from %s s', sequence) into last_value;
  if largest >= last_value then
    perform setval(sequence::regclass, largest + gap);
  end if;
end
$$;
comment on function postrider.move_sequence(text, text, bigint, integer) is
  'Lets the sequence of a column go on behind the largest value there is, where it has not come so far: a logical copy leaves sequences at their beginning.';

create function postrider.is_own(xid xid8, row_xmin xid) returns boolean
language sql immutable parallel safe
-- Inside a savepoint a row has the id of that, which is drawn after the transaction's own: a few others may lie between.
-- What is mistaken for the server's own by that is routed again where it has no delivery; the other mistake loses an event.
return is_own.xid > '3'
  and (is_own.xid::xid = is_own.row_xmin
    or (is_own.row_xmin::text::bigint - is_own.xid::xid::text::bigint + 4294967296) % 4294967296 between 0 and 1000);
comment on function postrider.is_own(xid8, xid) is
  'Whether a row that says which transaction wrote it was written by that one, and is not restored or replicated: row_xmin is its xmin.';

create function postrider.is_settled(
  xid xid8, seq bigint, created_at timestamptz, row_xmin xid,
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, claimed_at timestamptz, is_copied boolean
) returns boolean
language sql immutable parallel safe
-- Without a setting of its own, so that it is taken into the scan of the whole outbox.
return (pg_visible_in_snapshot(is_settled.xid, is_settled.base)
    or is_settled.target is not null and pg_visible_in_snapshot(is_settled.xid, is_settled.target)
      and (is_settled.xid, is_settled.seq) <= (is_settled.after_xid, is_settled.after_seq))
  and not (is_settled.is_copied
    and (is_settled.created_at > is_settled.claimed_at or postrider.is_own(is_settled.xid, is_settled.row_xmin)));
comment on function postrider.is_settled(xid8, bigint, timestamptz, xid, pg_snapshot, pg_snapshot, xid8, bigint, timestamptz, boolean) is
  'Whether the cursor that is there has passed an event. is_copied: the cursor is of another cluster.';

create function postrider.adopt(dry_run boolean default false) returns table (
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
-- The events that are not claimed are written in the order in which they are listed: one look-up after the other.
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  -- applications may draw from it while it is moved
  seq_gap constant integer := 1000;
  oldest_xid constant xid8 := '3';
  place record;
  cursor_row record;
  replication text;
  new_base pg_snapshot;
  new_claim_id bigint;
  unsettled uuid[];
begin
  problem := postrider.copy_problem();
  if problem is not null and not dry_run then
    perform pg_advisory_xact_lock(1886352244, 1);
    problem := postrider.copy_problem(); -- somebody else may have adopted it meanwhile
  end if;
  if problem is null then
    outcome := 'nothing to adopt';
    return next;
    return;
  end if;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot adopt the database: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Adopt in a transaction of its own.';
  end if;
  select string_agg(distinct quote_ident(s.subname), ', ') into replication
  from pg_subscription_rel r
  join pg_subscription s on s.oid = r.srsubid
  join pg_class c on c.oid = r.srrelid
  where c.relnamespace = 'postrider'::regnamespace;
  if replication is not null then
    raise exception 'cannot adopt the database: it is still being replicated into, by the subscription %', replication
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'What arrived afterwards would not be claimed; one that is disabled may be enabled at any time.',
        hint = 'Stop the original''s daemons, wait until the copy has caught up, drop the subscription, and adopt then.';
  end if;
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.claimed_at, c.xmin <> c.xid::xid as is_copied into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  if not found then
    raise exception 'cannot adopt the database: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Without it nobody can say which events were claimed.',
        hint = 'Copy postrider.claim along with the other tables. Or insert into postrider.claim (base) values (''1:1:''): then every event that is retained and has no delivery is claimed anew.';
  end if;
  if cursor_row.is_copied and cursor_row.claimed_at >= clock_timestamp() then
    raise exception 'cannot adopt the database: its last claim is dated %, and the clock of this server has not come so far', cursor_row.claimed_at
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Events that were inserted here might not be told from those that were claimed before.',
        hint = 'Set the clock.';
  end if;
  -- Before anything else is looked at, and before this transaction has an id: whatever commits from here on is new.
  new_base := pg_current_snapshot();
  if not dry_run then
    -- Now, and not at the end: whoever holds it would undo all the work.
    insert into postrider.sending default values on conflict on constraint sending_pkey do nothing;
    perform from postrider.sending s where s.is_row for update;
  end if;

  select count(*), count(*) filter (where s.is_settled and not pg_visible_in_snapshot(s.xid, new_base)),
         coalesce(array_agg(s.id order by s.created_at, s.seq) filter (where not s.is_settled), '{}')
  into events, moved, unsettled
  from (
    -- Seqs of what came with the copy and of what was inserted since may be the same; within each they go with the time.
    select o.id, o.xid, o.seq, o.created_at,
           postrider.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                                cursor_row.after_seq, cursor_row.claimed_at, cursor_row.is_copied)
           or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
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

  perform postrider.move_sequence('postrider.outbox', 'seq', (select max(o.seq) from postrider.outbox o), seq_gap);
  perform postrider.move_sequence('postrider.claim', 'id', cursor_row.id, 1);

  -- First, since one of these may have the very id of this transaction; by the id 3 they are settled still.
  update postrider.outbox o
  set xid = oldest_xid
  where not pg_visible_in_snapshot(o.xid, new_base)
    and (postrider.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                              cursor_row.after_seq, cursor_row.claimed_at, cursor_row.is_copied)
      or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
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
  select p.system_identifier, p.database_oid into place from postrider.present_place() p;
  update postrider.sending s
  set system_identifier = place.system_identifier, database_oid = place.database_oid, home_since = clock_timestamp();
  perform postrider.refresh_judged_event_types();
  perform postrider.note_action('adopt', null, null, jsonb_build_object(
    'problem', problem, 'unclaimed', unclaimed, 'moved', moved, 'in_hand', in_hand, 'pending', pending));
  outcome := 'adopted';
  return next;
end
$$;
comment on function postrider.adopt(boolean) is
  'Lets daemons work in a database that was restored or copied from another one: what was not claimed there is claimed here, what was in hand is taken over, what was delivered is not sent again. Says what it does; dry_run: what it would do. problem: what shows that the database is a copy; moved: settled events whose transaction id was changed.';

do $$ begin perform postrider.grant_roles(); end $$;
