-- Transaction ids mean nothing in another cluster. Restored rows have ids that the new cluster has not reached yet or has
-- used for something else, and the cursor consists of such ids. Besides, a copy of production that sends is worse than a
-- pause. So daemons work only where postrider.sending says. Anywhere else they refuse with PR014 until postrider.adopt()
-- is called.
--
-- A place is a database of a cluster. The system identifier tells the cluster: a failover keeps it, a new initdb does
-- not. The oid tells the database: a rename keeps it, a restored or templated database has another. A session never
-- leaves its place, so it looks once, because pg_control_system() reads a file and takes 30 to 90 us, as long as a whole
-- claim that finds nothing. After that the session's setting postrider.place holds the place.
create or replace function postrider_internal.present_place(out system_identifier bigint, out database_oid oid)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select d.oid into database_oid from pg_database d where d.datname = current_database();
  if (select s.is_guarded from postrider.sending s) then
    select c.system_identifier into system_identifier from pg_control_system() c;
  end if;
exception
  when insufficient_privilege or undefined_function then
    raise exception 'cannot tell which cluster this is'
      using errcode = 'PR014',
        detail = format('%s may not call pg_control_system()', current_user),
        hint = format('grant execute on function pg_control_system() to %I; or give up the guard against copies in other clusters: update postrider.sending set is_guarded = false, then, if events were claimed and this database may send, "postrider adopt"', current_user);
end
$$;
comment on function postrider_internal.present_place() is
  'Which database of which cluster this is. The cluster is null if postrider.sending is not guarded.';
