-- Transaction ids mean nothing in another cluster: restored rows have ids that the new cluster has yet to reach, or has
-- used for something else, and the cursor consists of such ids. And a copy of production that sends is worse than a
-- pause. So daemons work where postrider.sending says, and refuse with PR014 anywhere else until postrider.adopt() was
-- called.
--
-- A place is a database of a cluster. The cluster is known by its system identifier, which a failover keeps and a new
-- initdb does not; the database by its oid, which a rename keeps and a restored or templated database does not have. A
-- session never leaves its place, so it looks once: pg_control_system() reads a file, for 30 to 90 us, as long as a
-- whole claim that finds nothing. After that the place is the setting postrider.place of the session.
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
        hint = format('grant execute on function pg_control_system() to %I; or, so that a copy in another cluster is no longer noticed: update postrider.sending set is_guarded = false, and, where events were claimed and this is no copy that must not send, "postrider adopt"', current_user);
end
$$;
comment on function postrider_internal.present_place() is
  'Which database of which cluster this is. The cluster is null if postrider.sending is not guarded.';
