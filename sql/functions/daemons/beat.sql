-- grant: execute to daemon

create or replace function postrider_internal.beat(
  daemon_id uuid, host text, pid integer, version text, lease_ms integer, in_flight integer, waiting integer,
  condition text default 'well', condition_ms integer default null, condition_reason text default null,
  is_renewal boolean default false, encryption_key_ids text[] default '{}', public_url text default null
) returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select postrider_internal.require_home();
  -- Rows of dead daemons are kept for a day, for people who look into it.
  delete from postrider.daemon where lease_expires_at < now() - interval '1 day';
  -- A lease that has run out here is not renewed, even if the daemon's clock says that it is valid (a clock was set, or
  -- the daemon's machine was suspended): another daemon may have taken over what it had claimed.
  with renewed as (
    update postrider.daemon d
    set beat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + beat.lease_ms * interval '1 ms',
        in_flight = beat.in_flight, waiting = beat.waiting, condition = beat.condition,
        condition_since = clock_timestamp() - beat.condition_ms * interval '1 ms', condition_reason = beat.condition_reason
    where beat.is_renewal and d.id = beat.daemon_id and d.lease_expires_at > clock_timestamp()
    returning d.id
  ), entered as (
    insert into postrider.daemon as d (
      id, host, pid, version, beat_at, lease_expires_at, in_flight, waiting, condition, condition_since, condition_reason,
      encryption_key_ids, public_url)
    select beat.daemon_id, beat.host, beat.pid, beat.version, clock_timestamp(),
           clock_timestamp() + beat.lease_ms * interval '1 ms', beat.in_flight, beat.waiting,
           beat.condition, clock_timestamp() - beat.condition_ms * interval '1 ms', beat.condition_reason,
           beat.encryption_key_ids, beat.public_url
    where not beat.is_renewal
    on conflict (id) do update -- the answer to the first beat was lost
    set beat_at = excluded.beat_at, lease_expires_at = excluded.lease_expires_at,
        in_flight = excluded.in_flight, waiting = excluded.waiting, condition = excluded.condition,
        condition_since = excluded.condition_since, condition_reason = excluded.condition_reason
    returning d.id
  )
  select exists (select from renewed) or exists (select from entered);
end;
comment on function postrider_internal.beat(uuid, text, integer, text, integer, integer, integer, text, integer, text, boolean, text[], text) is
  'A daemon''s heartbeat: renews its lease on everything it has claimed, and reports its condition, for how long and why. False if the lease has run out. is_renewal: the daemon takes its lease for valid.';
