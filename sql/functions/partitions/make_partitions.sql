-- grant: execute to daemon

create or replace function postrider_internal.make_partitions(ahead interval default '7 days', now timestamptz default null)
  returns table (outcome text, partition_name text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off -- whether a day has rows in the default partition is a look at its key
as $$
-- One step a call, and so a transaction: what is locked against inserts is locked for milliseconds. Inserts may queue
-- behind a session that waits for a lock, so a lock that cannot be had within 50 ms is left for later.
--
-- Attaching reads the whole default partition, under a lock that keeps inserts out of it (a million rows: 2.3 s),
-- unless a valid check of that table says that it has no row of that day. So if much is in it, the day first gets such
-- a check, its guard. One step adds it without looking at the rows, the next validates it beside inserts, and the step
-- that attaches drops it. A guard refuses rows of its day, and a crash can leave it behind. So no guard is of a day
-- that begins within 24 hours, and any later call first continues with the guard it finds, or drops it.
--
-- A day that has rows in the default partition keeps them there until it is past (move_strays). So do today and
-- tomorrow while much is in it, because an insert that waits while its day moves would fail. They are served from there
-- like from a partition.
declare
  -- read in a millisecond
  net_bytes_max constant bigint := 1048576;
  guard_text constant text := 'no row of %s while its partition is attached';
  present constant timestamptz := coalesce(now, now());
  today constant date := (present at time zone 'UTC')::date;
  last_day constant date := ((present + ahead) at time zone 'UTC')::date;
  parent text;
  net text;
  key text;
  day date;
  guard record;
  lower_bound text;
  upper_bound text;
  has_strays boolean;
  is_small boolean;
begin
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    return;
  end if;
  foreach parent in array array['outbox', 'delivery', 'other_attempt', 'transformation', 'endpoint_minute_part', 'unmatched_minute_part'] loop
    net := parent || '_default';
    key := postrider_internal.partition_key(parent);
    partition_name := net;

    select c.conname as name, c.convalidated as is_valid, substring(c.conname from 'no row of ([0-9]{4}-[0-9]{2}-[0-9]{2}) while')::date as day into guard
    from pg_constraint c
    where c.conrelid = format('postrider.%I', net)::regclass and c.conname like format(guard_text, '%');
    if found then
      partition_name := parent || '_' || to_char(guard.day, 'YYYYMMDD');
      outcome := case when guard.day < today + 2 then 'released' when guard.is_valid then 'made' else 'validated' end;
      -- Waiting for this lock blocks no insert, and an autovacuum, which holds it for long, gives way after a second.
      perform set_config('lock_timeout', '5s', true);
      execute format('lock table postrider.%I in share update exclusive mode', net);
      perform set_config('lock_timeout', '50ms', true);
      if outcome = 'made' then
        perform postrider_internal.attach_partition(parent, guard.day);
      elsif outcome = 'validated' then
        begin
          execute format('alter table postrider.%I validate constraint %I', net, guard.name);
        exception
          -- A row of that day came first, and the day stays with the default partition; or the statement's time is up.
          when check_violation or query_canceled then
            outcome := 'released';
        end;
      end if;
      if outcome <> 'validated' then
        execute format('alter table postrider.%I drop constraint %I', net, guard.name);
      end if;
      return next;
      return;
    end if;

    is_small := pg_relation_size(format('postrider.%I', net)::regclass) <= net_bytes_max;
    for day in
      select d.day::date
      from generate_series(case when is_small then today else today + 2 end, last_day, interval '1 day') d (day)
      where to_regclass(format('postrider.%I', parent || '_' || to_char(d.day, 'YYYYMMDD'))) is null
    loop
      partition_name := parent || '_' || to_char(day, 'YYYYMMDD');
      lower_bound := postrider_internal.partition_bound(parent, day);
      upper_bound := postrider_internal.partition_bound(parent, day + 1);
      execute format('select exists (select from postrider.%I where %I >= %L and %I < %L)', net, key, lower_bound, key, upper_bound)
        into has_strays;
      continue when has_strays;
      if is_small then
        begin
          perform postrider_internal.attach_partition(parent, day);
        exception
          when check_violation then
            continue; -- the day's first stray came in just now: the day stays with the default partition
        end;
        outcome := 'made';
      else
        execute format('alter table postrider.%I add constraint %I check (%I < %L or %I >= %L) not valid', net,
          format(guard_text, day), key, lower_bound, key, upper_bound);
        outcome := 'guarded';
      end if;
      return next;
      return;
    end loop;
  end loop;
exception
  when lock_not_available then
    outcome := 'busy';
    return next;
end
$$;
comment on function postrider_internal.make_partitions(interval, timestamptz) is
  'Takes one step of making the daily partitions from today on, and says which. made: one exists; guarded, validated, released: steps on the way if much is in the default partition; busy: another session holds a lock, so call it again later. No row: nothing is left to do, or another session is doing it. Daemons call it until then; it is safe at any time.';
