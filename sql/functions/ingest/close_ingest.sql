-- grant: execute to publisher

create or replace function postrider_internal.close_ingest(name text, run_id uuid) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  delete from postrider.ingest p
  where p.name = close_ingest.name and p.run_id = close_ingest.run_id and p.path is null;
  select pg_advisory_unlock(postrider_internal.ingest_lock_key(close_ingest.name));
end;
comment on function postrider_internal.close_ingest(text, uuid) is
  'Ends a run. A run that read its input leaves nothing behind, and one that followed a file leaves its position.';
