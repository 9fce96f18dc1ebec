-- grant: select to reader, operator, daemon

create or replace view postrider.daemon_status as
  select d.id, d.host, d.pid, d.version,
         case when d.lease_expires_at <= now() then 'lost'
              -- One beat was missed: they come every quarter of the lease.
              when d.beat_at + (d.lease_expires_at - d.beat_at) / 2 < now() then 'late'
              else 'live' end as state,
         d.condition, d.condition_since, d.condition_reason,
         d.started_at, d.beat_at, d.lease_expires_at, d.in_flight, d.waiting,
         (select count(*) from postrider.claim c where c.daemon_id = d.id and cardinality(c.event_ids) > 0) as claims
  from postrider.daemon d;
comment on view postrider.daemon_status is 'The daemons: whether each is alive, and what keeps it from its work.';
comment on column postrider.daemon_status.id is 'The daemon.';
comment on column postrider.daemon_status.host is 'Where it runs.';
comment on column postrider.daemon_status.pid is 'Its process id there.';
comment on column postrider.daemon_status.version is 'Version of the program.';
comment on column postrider.daemon_status.state is
  'live; late: its beat is overdue, because it is frozen, gone or cut off, or Postgres takes no writes from it; lost: its lease has run out, and others take over its claims. A daemon that recovers from that continues under a new id.';
comment on column postrider.daemon_status.condition is
  'What it reported at its last beat: well, not_recording, not_claiming, not_sending or blind; postrider.daemon says what they mean.';
comment on column postrider.daemon_status.condition_since is 'Since when it has not been well; null if it is.';
comment on column postrider.daemon_status.condition_reason is 'What keeps it from its work; null if it is well.';
comment on column postrider.daemon_status.started_at is 'When it started.';
comment on column postrider.daemon_status.beat_at is 'When it was last seen.';
comment on column postrider.daemon_status.lease_expires_at is 'When other daemons take over its claims.';
comment on column postrider.daemon_status.in_flight is 'Requests in progress at its last beat.';
comment on column postrider.daemon_status.waiting is 'First attempts waiting in its memory at its last beat.';
comment on column postrider.daemon_status.claims is 'Claims it has in hand.';
