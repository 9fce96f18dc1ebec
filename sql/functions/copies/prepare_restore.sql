-- grant: execute to operator

create or replace function postrider.prepare_restore(records boolean default false) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  used text;
begin
  lock table postrider.claim_lock in share update exclusive mode;
  used := case
    when exists (select from postrider.outbox) then 'outbox'
    when exists (select from postrider.delivery) then 'delivery'
    when exists (select from postrider.other_attempt) then 'other_attempt'
    when exists (select from postrider.endpoint) then 'endpoint'
    when exists (select from postrider.event_type) then 'event_type'
    when exists (select from postrider.ingest) then 'ingest'
    when exists (select from postrider.daemon) then 'daemon' end;
  if used is not null then
    raise exception 'cannot prepare this database for a restore: postrider.% has rows', used
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Nothing was changed.',
        hint = case used
          when 'daemon' then 'Stop the daemons, which delete their rows.'
          else 'Restore data alone into a schema that "postrider migrate" has just made.' end;
  end if;
  perform set_config('postrider.may_empty', 'on', true);
  delete from postrider.claim;
  delete from postrider.sending;
  delete from postrider.event_type_policy;
  delete from postrider.retention;
  delete from postrider.hour_cursor;
  if records then
    delete from postrider.schema_migration;
    delete from postrider.schema_object;
  end if;
  perform set_config('postrider.may_empty', 'off', true);
end
$$;
comment on function postrider.prepare_restore(boolean) is
  'Empties the tables that "postrider migrate" has filled. Use it before the data of another database is restored or replicated into this one. records: also the records of what is installed, for a replica that brings those of the original. Refuses a database that is in use.';
