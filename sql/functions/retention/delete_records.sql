create or replace function postrider_internal.delete_records(before timestamptz, now timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  rows_max constant integer := 1000;
  -- The audit is asked long after its subjects are gone.
  audit_kept constant interval := '1 year';
  deleted bigint;
  count bigint;
begin
  delete from postrider.audit a
  where a.id in (
    select o.id from postrider.audit o
    where o.id < postrider.uuid_v7_floor(least(delete_records.before, delete_records.now - audit_kept))
    order by o.id
    limit rows_max);
  get diagnostics deleted = row_count;
  delete from postrider.replay r
  where r.id in (
    select o.id from postrider.replay o
    where o.finished_at < delete_records.before
    order by o.id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$$;
comment on function postrider_internal.delete_records(timestamptz, timestamptz) is
  'Deletes some replays that finished before that time, and some rows of the audit that are older than that and than a year; returns how many.';
