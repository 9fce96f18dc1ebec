-- Restores and copies: the switch that stops all sending, and adopt(), by which daemons go on in a copy.
-- locks: postrider.sending, exclusively and for a moment, to give it its triggers
-- breaking: yes
--
-- Adopting. The cursor of a copy is made of transaction ids of another cluster. What it has passed is told by it and by the
-- clock: an event is settled if the cursor's snapshots see its transaction and it was inserted before the cursor's last claim.
-- (An event that was inserted after that claim cannot be among what that claim has seen; but one that an application has
-- inserted into the copy may carry any id, also one that the old snapshots take for theirs.) Then
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
  new.changed_at := clock_timestamp();
  new.changed_by := session_user;
  if new.is_on then
    new.reason := null;
  end if;
  return new;
end
$$;
comment on function postrider.sending_changing() is 'Notes when and by whom sending was switched.';
create trigger sending_changing before update on postrider.sending
  for each row when ((new.is_on, new.reason) is distinct from (old.is_on, old.reason))
  execute function postrider.sending_changing();
comment on trigger sending_changing on postrider.sending is 'Keeps changed_at and changed_by.';

create function postrider.sending_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.audit (action, before, after)
  values ('update sending', jsonb_build_object('is_on', old.is_on, 'reason', old.reason),
          jsonb_build_object('is_on', new.is_on, 'reason', new.reason));
  perform postrider.notify_daemons();
  return null;
end
$$;
comment on function postrider.sending_changed() is 'Notes in the audit that sending was switched, and tells the daemons.';
create trigger sending_changed after update on postrider.sending
  for each row when ((new.is_on, new.reason) is distinct from (old.is_on, old.reason))
  execute function postrider.sending_changed();
comment on trigger sending_changed on postrider.sending is 'Notes the switch in the audit, and tells the daemons.';

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

create function postrider.is_settled(
  xid xid8, seq bigint, created_at timestamptz,
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, claimed_at timestamptz
) returns boolean
language sql immutable parallel safe
-- Without a setting of its own, so that it is taken into the scan of the whole outbox.
return is_settled.created_at <= is_settled.claimed_at
  and (pg_visible_in_snapshot(is_settled.xid, is_settled.base)
    or is_settled.target is not null and pg_visible_in_snapshot(is_settled.xid, is_settled.target)
      and (is_settled.xid, is_settled.seq) <= (is_settled.after_xid, is_settled.after_seq));
comment on function postrider.is_settled(xid8, bigint, timestamptz, pg_snapshot, pg_snapshot, xid8, bigint, timestamptz) is
  'Whether an event was claimed in the database that this one is a copy of, by the cursor that came with the copy.';

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
  new_base pg_snapshot;
  new_claim_id bigint;
begin
  perform pg_advisory_xact_lock(1886352244, 1);
  problem := postrider.copy_problem();
  if problem is null then
    outcome := 'nothing to adopt';
    return next;
    return;
  end if;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot adopt the database: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Adopt in a transaction of its own.';
  end if;
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.claimed_at into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  if not found then
    raise exception 'cannot adopt the database: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Without it nobody can say which events were claimed.',
        hint = 'Copy postrider.claim along with the other tables. Or insert into postrider.claim (base) values (''1:1:''): then every event that is retained is claimed anew.';
  end if;
  if cursor_row.claimed_at >= clock_timestamp() then
    raise exception 'cannot adopt the database: its last claim is dated %, and the clock of this server has not come so far', cursor_row.claimed_at
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Events that were inserted here could not be told from those that were claimed before.',
        hint = 'Set the clock, or wait.';
  end if;
  -- Before anything else is looked at, and before this transaction has an id: whatever commits from here on is new.
  new_base := pg_current_snapshot();

  select count(*),
         count(*) filter (where not s.is_settled),
         count(*) filter (where s.is_settled and not pg_visible_in_snapshot(s.xid, new_base))
  into events, unclaimed, moved
  from (
    select o.xid, postrider.is_settled(o.xid, o.seq, o.created_at, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                                       cursor_row.after_seq, cursor_row.claimed_at) as is_settled
    from postrider.outbox o) s;
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
    and postrider.is_settled(o.xid, o.seq, o.created_at, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                             cursor_row.after_seq, cursor_row.claimed_at);
  get diagnostics moved = row_count;

  with unsettled as materialized (
    select o.id
    from postrider.outbox o
    where not postrider.is_settled(o.xid, o.seq, o.created_at, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                                   cursor_row.after_seq, cursor_row.claimed_at)
    -- Seqs of what came with the copy and of what was inserted since may be the same; within each they go with the time.
    order by o.created_at, o.seq
  )
  update postrider.outbox o
  set xid = pg_current_xact_id(), seq = default
  from unsettled u
  where o.id = u.id;
  get diagnostics unclaimed = row_count;

  insert into postrider.claim (base) values (new_base) returning id into new_claim_id;
  delete from postrider.claim c where c.id < new_claim_id and cardinality(c.event_ids) = 0;
  delete from postrider.daemon;
  select p.system_identifier, p.database_oid into place from postrider.present_place() p;
  update postrider.sending s
  set system_identifier = place.system_identifier, database_oid = place.database_oid, home_since = clock_timestamp();
  perform postrider.note_action('adopt', null, null, jsonb_build_object(
    'problem', problem, 'unclaimed', unclaimed, 'moved', moved, 'in_hand', in_hand, 'pending', pending));
  outcome := 'adopted';
  return next;
end
$$;
comment on function postrider.adopt(boolean) is
  'Lets daemons work in a database that was restored or copied from another one: what was not claimed there is claimed here, what was in hand is taken over, what was delivered is not sent again. Says what it does; dry_run: what it would do. problem: what shows that the database is a copy; moved: settled events whose transaction id was changed.';

do $$ begin perform postrider.grant_roles(); end $$;
