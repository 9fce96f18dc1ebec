-- grant: execute to publisher

-- Acts with its owner's rights, because a publisher does not read the retention. Only rows with a deliver_at pay for it.
create or replace function postrider_internal.refuse_late(deliver_at timestamptz) returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  retained constant interval := postrider_internal.retention_period();
begin
  if deliver_at > now() + retained then
    raise exception 'cannot insert an event that is due at %', deliver_at
      using errcode = 'check_violation', schema = 'postrider', table = 'outbox', column = 'deliver_at',
        constraint = 'deliver_at is within the retention',
        detail = format('Events are kept for %s.', retained),
        hint = 'Insert it nearer to that time, or have an operator keep events for longer: postrider.retention.';
  end if;
end
$$;
comment on function postrider_internal.refuse_late(timestamptz) is
  'Refuses an event that is due later than events are kept: its day could not be dropped until then, for ever if it is infinity.';
