-- grant: execute to daemon

create or replace function postrider_internal.measure_figures(unclaimed_max integer)
returns table (
  schema_version integer,
  partition_days_ahead integer,
  active integer,
  paused integer,
  disabled integer,
  circuits_open integer,
  circuit_seconds double precision,
  unconsented integer,
  live integer,
  late integer,
  lost integer,
  replays integer,
  notification_queue_ratio double precision,
  unclaimed integer,
  unclaimed_seconds double precision
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- Reads all endpoints and daemons, and of the outbox what is unclaimed.
  select
    (select max(m.version) from postrider.schema_migration m),
    (select count(*)::integer
     from pg_inherits i
     join pg_class p on p.oid = i.inhrelid
     where i.inhparent = 'postrider.other_attempt'::regclass and p.relname ~ '^other_attempt_[0-9]{8}$'
       and p.relname > 'other_attempt_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')),
    e.active, e.paused, e.disabled, e.circuits_open,
    extract(epoch from now() - e.circuit_opened_at)::double precision,
    e.unconsented, d.live, d.late, d.lost,
    (select count(*)::integer from postrider.replay r where r.finished_at is null),
    pg_notification_queue_usage(),
    u.unclaimed::integer,
    extract(epoch from now() - u.oldest_at)::double precision
  from (
    select count(*) filter (where s.state = 'active')::integer as active, count(*) filter (where s.state = 'paused')::integer as paused,
           count(*) filter (where s.state = 'disabled')::integer as disabled,
           count(s.circuit_opened_at) filter (where s.state = 'active')::integer as circuits_open,
           min(s.circuit_opened_at) filter (where s.state = 'active') as circuit_opened_at,
           count(*) filter (where s.state = 'active' and s.handshake_state <> 'granted')::integer as unconsented
    from postrider.endpoint s) e
  cross join (
    select count(*) filter (where s.state = 'live')::integer as live, count(*) filter (where s.state = 'late')::integer as late,
           count(*) filter (where s.state = 'lost')::integer as lost
    from postrider.daemon_status s) d
  cross join postrider_internal.count_unclaimed(unclaimed_max) u
$$;
comment on function postrider_internal.measure_figures(integer) is
  'The version of the schema, partitions ahead, endpoints by state and with an open circuit, daemons, replays, how full the queue of notifications is, and unclaimed events, counted up to a limit. For metrics.';
