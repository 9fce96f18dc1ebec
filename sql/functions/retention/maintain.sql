-- grant: execute to operator, daemon

create or replace function postrider.maintain(now timestamptz default null) returns table (outcome text, subject text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  retention constant interval := postrider_internal.retention_period();
  present constant timestamptz := coalesce(now, now());
  past_day constant date := ((present - retention) at time zone 'UTC')::date;
  is_busy boolean := false;
  deleted bigint;
  erased_tenant text;
  made_hour timestamptz;
begin
  if now > clock_timestamp() then
    raise exception 'cannot keep events as of %', now
      using errcode = 'invalid_parameter_value', hint = 'A later time would remove what the retention still keeps. Leave it out to use the present time.';
  end if;
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    outcome := 'busy';
    return next;
    return;
  end if;
  perform postrider_internal.refresh_judged_event_types();
  select m.outcome, m.partition_name into outcome, subject from postrider_internal.make_partitions(now => present) m;
  is_busy := outcome is not distinct from 'busy';
  if outcome is not null and not is_busy then
    return next;
    return;
  end if;

  -- In a copy nothing says what is claimed. The caller need not be a daemon, and may call this in a template.
  perform postrider_internal.require_home(may_move_in => false);
  select e.tenant into erased_tenant from postrider.erasure e order by e.requested_at limit 1 for update skip locked;
  if found then
    outcome := 'erased';
    subject := postrider_internal.counted((select c.erased from postrider_internal.continue_erasure(erased_tenant) c), 'event');
    return next;
    return;
  end if;

  made_hour := postrider_internal.make_hour(present);
  if made_hour is not null then
    outcome := 'summed';
    subject := 'the hour ' || postrider_internal.shown_time(made_hour);
    return next;
    return;
  end if;

  select m.outcome, m.subject into outcome, subject from postrider_internal.move_strays(past_day, present) m;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  select d.outcome, d.subject into outcome, subject from postrider_internal.drop_days(past_day) d;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  select d.outcome, d.subject into outcome, subject from postrider_internal.drop_minutes(past_day) d;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  begin
    deleted := postrider_internal.delete_strays(past_day, present) + postrider_internal.delete_unused_keys(past_day, present)
      + postrider_internal.delete_records(present - retention, present);
  exception
    when lock_not_available then
      is_busy := true;
  end;
  if deleted > 0 then
    outcome := 'deleted';
    subject := postrider_internal.counted(deleted, 'row');
    return next;
  elsif is_busy then
    outcome := 'busy';
    subject := null;
    return next;
  end if;
end
$$;
comment on function postrider.maintain(timestamptz) is
  'Takes one step of keeping the partitions and says which: it makes those of the days ahead, and removes whole days that are older than postrider.retention says, once nothing in them is needed; it sums the minutes of each hour, postrider.endpoint_hour; and it continues what erase_tenant() began. Use it if you would rather schedule this yourself, once a minute, than leave it to the daemons. No row: nothing is left to do. busy: another session holds a lock or is doing the same, so try again later. now: an earlier time to judge by, for tests.';
