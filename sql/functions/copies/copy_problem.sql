-- grant: execute to reader, operator, daemon

create or replace function postrider.copy_problem() returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  home record;
  here record;
  cursor_end xid8;
  now_at constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
  is_claimed boolean;
begin
  select s.system_identifier, s.database_oid, s.home_since into home from postrider.sending s where s.is_row;
  if not found then
    return 'postrider.sending has no row, which would say where daemons have worked';
  end if;
  select p.system_identifier, p.database_oid into here from postrider_internal.present_place() p;
  if home.database_oid is not null and (home.system_identifier, home.database_oid) is distinct from (here.system_identifier, here.database_oid) then
    return format('daemons have worked in the database with oid %s of the cluster %s since %s, and this is the one with oid %s of the cluster %s',
      home.database_oid, coalesce(home.system_identifier::text, '(unknown)'),
      to_char(home.home_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), here.database_oid, coalesce(here.system_identifier::text, '(unknown)'));
  end if;
  select pg_snapshot_xmax(coalesce(c.target, c.base)), pg_snapshot_xmax(c.base) > '1' or c.target is not null into cursor_end, is_claimed
  from postrider.claim c
  order by c.id desc
  limit 1;
  if cursor_end > now_at then
    return format('the cursor over the outbox is at transaction %s, and this server only at %s', cursor_end, now_at);
  end if;
  -- No daemon claims before the home is recorded. So either the claims came from elsewhere, or the home was deleted.
  if home.database_oid is null and is_claimed then
    return format('events were claimed up to transaction %s, and postrider.sending does not say where', cursor_end);
  end if;
  -- Events that this server cannot have written were restored, or replicated into this database after it was adopted.
  if exists (
    select from postrider.outbox o
    where o.xid >= now_at and o.xid is distinct from pg_current_xact_id_if_assigned()
    order by o.xid, o.seq
    limit 1)
  then
    return format('the outbox has events of transactions that this server, at %s, has not reached yet', now_at);
  end if;
  return null;
end
$$;
comment on function postrider.copy_problem() is
  'Says what shows that this database was restored or copied from another one. Use it if daemons stop with PR0014: they do so until adopt() is called. Null if daemons may work here.';
