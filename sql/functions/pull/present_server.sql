create or replace function postrider_internal.present_server() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  timeline text;
begin
  begin
    timeline := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
  exception
    when object_not_in_prerequisite_state or feature_not_supported or insufficient_privilege then
      timeline := '?'; -- Aurora does not say, and its storage loses nothing that was committed
  end;
  return (select concat_ws('/', s.system_identifier, s.database_oid, timeline) from postrider.sending s where s.is_row);
end
$$;
comment on function postrider_internal.present_server() is
  'The database, its cluster, and its timeline, which is another one after a failover or a recovery to a point in time.';
