-- grant: execute to daemon

create or replace function postrider_internal.append_minutes(
  daemon_id uuid, part_id uuid, minute_ms double precision, endpoints json, total json
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- The members of the rows are named as the columns. A repeated call adds nothing, because the daemon made the part_id.
declare
  present constant timestamptz := to_timestamp(minute_ms / 1000);
  -- Before that, no hour is made of this minute (make_hour), and rebuild_minutes does not look at it.
  is_late constant boolean := present < clock_timestamp() - interval '5 minutes'
    -- Its hour is made: the clock was ahead for a while.
    or exists (select from postrider.hour_cursor c where c.made_until > present);
  added bigint;
  added_total bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  if is_late then
    perform postrider_internal.lock_hours();
    if exists (
      select from postrider.daemon_minute m
      where m.minute = present and m.part_id = postrider_internal.rebuilt_part(append_minutes.daemon_id, present))
    then
      return; -- counted from the attempts, because this daemon was taken for gone
    end if;
  end if;
  insert into postrider.endpoint_minute_part (
    minute, endpoint_id, part_id, request_ms_total, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
    failed_again, excused, sent_bytes, failures, request_ms, delay_ms)
  select present, e.endpoint_id, append_minutes.part_id, e.request_ms_total, e.succeeded_first, e.succeeded_later, e.failed, e.exhausted,
         e.discarded, e.sent_again, coalesce(e.failed_again, 0), coalesce(e.excused, 0), e.sent_bytes, e.failures, e.request_ms, e.delay_ms
  from json_to_recordset(endpoints) e (
    endpoint_id uuid, request_ms_total bigint, succeeded_first integer, succeeded_later integer, failed integer, exhausted integer,
    discarded integer, sent_again integer, failed_again integer, excused integer, sent_bytes bigint, failures jsonb,
    request_ms integer[], delay_ms integer[])
  on conflict do nothing;
  get diagnostics added = row_count;
  insert into postrider.daemon_minute (
    minute, part_id, daemon_id, request_ms_total, claimed, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
    failed_again, excused, sent_bytes, flushes, in_flight_max, waiting_max, failures, request_ms, delay_ms)
  select present, append_minutes.part_id, append_minutes.daemon_id, t.request_ms_total, t.claimed, t.succeeded_first, t.succeeded_later, t.failed,
         t.exhausted, t.discarded, t.sent_again, coalesce(t.failed_again, 0), coalesce(t.excused, 0), t.sent_bytes, t.flushes, t.in_flight_max, t.waiting_max, t.failures, t.request_ms, t.delay_ms
  from json_to_record(total) t (
    request_ms_total bigint, claimed integer, succeeded_first integer, succeeded_later integer, failed integer, exhausted integer,
    discarded integer, sent_again integer, failed_again integer, excused integer, sent_bytes bigint, flushes integer, in_flight_max integer, waiting_max integer, failures jsonb,
    request_ms integer[], delay_ms integer[])
  where total is not null
  on conflict do nothing;
  get diagnostics added_total = row_count;
  if is_late and added + added_total > 0 then
    perform postrider_internal.add_to_hours(present, append_minutes.part_id);
  end if;
end
$$;
comment on function postrider_internal.append_minutes(uuid, uuid, double precision, json, json) is
  'Appends what a daemon counted in a minute, which is given as Unix time: a row for each endpoint, and one over all of them unless total is null.';
