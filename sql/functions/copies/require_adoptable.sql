create or replace function postrider_internal.require_adoptable(
  out id bigint,
  out base pg_snapshot,
  out target pg_snapshot,
  out after_xid xid8,
  out after_seq bigint,
  out aside_xids xid8[],
  out aside_seqs bigint[],
  out claimed_at timestamptz,
  out is_copied boolean
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  replication text;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot adopt the database: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Adopt in a separate transaction.';
  end if;
  select string_agg(distinct quote_ident(s.subname), ', ') into replication
  from pg_subscription_rel r
  join pg_subscription s on s.oid = r.srsubid
  join pg_class c on c.oid = r.srrelid
  where c.relnamespace = 'postrider'::regnamespace;
  if replication is not null then
    raise exception 'cannot adopt the database: the subscription % still replicates into it', replication
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Rows that arrive later would not be claimed, and even a disabled subscription can be enabled at any time.',
        hint = 'Stop the original''s daemons, wait until the copy has caught up, drop the subscription, and adopt then.';
  end if;
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, c.claimed_at, c.xmin <> c.xid::xid
  into id, base, target, after_xid, after_seq, aside_xids, aside_seqs, claimed_at, is_copied
  from postrider.claim c
  order by c.id desc
  limit 1;
  if not found then
    raise exception 'cannot adopt the database: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Without the cursor, nothing says which events were claimed.',
        hint = 'Copy postrider.claim along with the other tables. Or insert into postrider.claim (base) values (''1:1:''): then every retained event without a delivery is claimed again.';
  end if;
  if is_copied and claimed_at >= clock_timestamp() then
    raise exception 'cannot adopt the database: its last claim is dated %, and this server''s clock is behind that', claimed_at
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Events inserted here could not be distinguished from those claimed before.',
        hint = 'Set the clock.';
  end if;
end
$$;
comment on function postrider_internal.require_adoptable() is
  'Refuses to adopt the database if that would lose or repeat events, with the reason. Returns its cursor otherwise; is_copied: the cursor was written in another cluster.';
