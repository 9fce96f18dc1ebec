create or replace function postrider_internal.wal_position() returns pg_lsn
language plpgsql volatile
as $$
begin
  return pg_catalog.pg_current_wal_insert_lsn();
exception
  when object_not_in_prerequisite_state or feature_not_supported then
    return null;
end
$$;
comment on function postrider_internal.wal_position() is
  'Where the WAL ends by now. Null from a server that does not say: Aurora refuses, unless wal_level is logical.';
