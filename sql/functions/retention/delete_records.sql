create or replace function postrider_internal.delete_records(before timestamptz, now timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  rows_max constant integer := 1000;
  -- Ten thousand endpoints have 240,000 of them in a day.
  hours_max constant integer := 10000;
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
  deleted := deleted + count;
  delete from postrider.daemon_minute m
  where (m.minute, m.part_id) in (
    select o.minute, o.part_id from postrider.daemon_minute o
    where o.minute < delete_records.before and o.minute < (select c.made_until from postrider.hour_cursor c)
    order by o.minute
    limit rows_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  -- Of days whose partition was made too late.
  delete from postrider.endpoint_minute_part_default m
  where (m.endpoint_id, m.minute, m.part_id) in (
    select o.endpoint_id, o.minute, o.part_id from postrider.endpoint_minute_part_default o
    where o.minute < delete_records.before and o.minute < (select c.made_until from postrider.hour_cursor c)
    limit rows_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.endpoint_hour_part h
  where (h.endpoint_id, h.hour, h.part_id) in (
    select o.endpoint_id, o.hour, o.part_id from postrider.endpoint_hour_part o
    where o.hour < delete_records.now - coalesce((select r.hours_period from postrider.retention r), interval '400 days')
    limit hours_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.daemon_hour_part h
  where (h.hour, h.part_id) in (
    select o.hour, o.part_id from postrider.daemon_hour_part o
    where o.hour < delete_records.now - coalesce((select r.hours_period from postrider.retention r), interval '400 days')
    order by o.hour
    limit rows_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.unmatched_hour h
  where (h.hour, h.tenant, h.event_type) in (
    select o.hour, o.tenant, o.event_type from postrider.unmatched_hour o
    where o.hour < delete_records.now - coalesce((select r.hours_period from postrider.retention r), interval '400 days')
    order by o.hour
    limit hours_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.unmatched_minute_part_default m
  where (m.minute, m.part_id) in (
    select o.minute, o.part_id from postrider.unmatched_minute_part_default o
    where o.minute < delete_records.before and o.minute < (select c.made_until from postrider.hour_cursor c)
    limit rows_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.api_request r
  where r.id in (
    select o.id from postrider.api_request o
    where o.created_at < delete_records.now - interval '24 hours'
    order by o.created_at
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$$;
comment on function postrider_internal.delete_records(timestamptz, timestamptz) is
  'Deletes some replays that finished before that time, some minutes before it that no day holds, hours past their own retention, some answers of the API that are older than a day, and some rows of the audit that are older than that and than a year; returns how many.';
