-- The daemons, what they have claimed, whether they send, and how long events are kept.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

create table postrider.daemon (
  id uuid not null,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  beat_at timestamptz not null,
  lease_expires_at timestamptz not null,
  in_flight integer not null default 0,
  waiting integer not null default 0,
  condition text not null default 'well',
  condition_since timestamptz,
  condition_reason text,
  constraint daemon_pkey primary key (id),
  constraint "a condition is well, not_recording, not_claiming, not_sending or blind"
    check (condition in ('well', 'not_recording', 'not_claiming', 'not_sending', 'blind')),
  constraint "what keeps a daemon from its work has a time and a reason" check (num_nulls(condition_since, condition_reason) = case condition when 'well' then 2 else 0 end),
  constraint "a reason has at most 200 characters" check (length(condition_reason) <= 200)
) with (fillfactor = 50);
comment on table postrider.daemon is 'The daemons that run, one row each. A clean stop deletes the row.';
comment on column postrider.daemon.id is 'Made at each start, and again if the lease was lost.';
comment on column postrider.daemon.host is 'Name of the machine or container.';
comment on column postrider.daemon.pid is 'Process id there.';
comment on column postrider.daemon.version is 'Version of the program.';
comment on column postrider.daemon.started_at is 'When it started.';
comment on column postrider.daemon.beat_at is 'When it was last seen.';
comment on column postrider.daemon.lease_expires_at is
  'When other daemons take over its claims, unless it is seen again before.';
comment on column postrider.daemon.in_flight is 'Requests in progress at its last beat.';
comment on column postrider.daemon.waiting is 'First attempts that were waiting in its memory at its last beat.';
comment on column postrider.daemon.condition is
  'What it reported at its last beat; the worst if there are several. well; not_recording: results cannot be written, are kept and tried again, and nothing is claimed; not_claiming: events and deliveries cannot be claimed; not_sending: sending is switched off, in postrider.sending; blind: no notification reaches it, and it looks once in a poll interval.';
comment on column postrider.daemon.condition_since is 'Since when it has not been well; null if it is.';
comment on column postrider.daemon.condition_reason is
  'What keeps it from its work, in the latest words of Postgres or the link; null if it is well.';

-- Any role that may connect can hold an advisory lock, and would stop all claiming. To lock a table takes a privilege on it.
create table postrider.claim_lock ();
comment on table postrider.claim_lock is
  'Empty. A daemon locks it while it claims new events, so that one claims at a time. Nothing is granted on it.';

create table postrider.claim (
  id bigint not null generated always as identity,
  base pg_snapshot not null,
  target pg_snapshot,
  after_xid xid8,
  after_seq bigint,
  aside_xids xid8[],
  aside_seqs bigint[],
  daemon_id uuid,
  claimed_at timestamptz not null default clock_timestamp(),
  event_ids uuid[] not null default '{}',
  endpoint_ids uuid[] not null default '{}',
  xid xid8 not null default pg_current_xact_id(),
  constraint claim_pkey primary key (id),
  constraint "a page inside a window says where it stopped" check (
    (target is null) = (after_xid is null) and (target is null) = (after_seq is null)),
  constraint "a transaction that is aside says where it stands" check (
    (aside_xids is null) = (aside_seqs is null) and cardinality(aside_xids) = cardinality(aside_seqs) and cardinality(aside_xids) > 0),
  constraint "every event of a pair has its endpoint" check (cardinality(event_ids) = cardinality(endpoint_ids))
);
-- A claim lives for less than a second: compressing its pairs cost more than their WAL.
alter table postrider.claim alter event_ids set storage external, alter endpoint_ids set storage external;
comment on table postrider.claim is
  'What daemons have claimed. The newest row is the cursor over the outbox; rows with pairs record the first attempts that a daemon has in hand.';
comment on column postrider.claim.id is 'Order of claiming.';
comment on column postrider.claim.base is 'Every transaction visible in this snapshot has been claimed, except for what is aside.';
comment on column postrider.claim.target is 'The snapshot up to which events are being claimed page by page; null when the window is complete.';
comment on column postrider.claim.after_xid is 'The transaction at which the page stopped.';
comment on column postrider.claim.after_seq is 'The event of that transaction at which the page stopped.';
comment on column postrider.claim.aside_xids is
  'Transactions with more events than a page, which claims read in turns with what came after them. The other columns have passed them. Null if there are none.';
comment on column postrider.claim.aside_seqs is 'The event of each of these transactions at which the last page stopped.';
comment on column postrider.claim.daemon_id is 'The daemon that has the pairs in hand.';
comment on column postrider.claim.claimed_at is 'When.';
comment on column postrider.claim.event_ids is 'Events of the pairs whose first attempt runs from the daemon''s memory.';
comment on column postrider.claim.endpoint_ids is 'Endpoints of the same pairs.';
comment on column postrider.claim.xid is
  'The transaction that wrote the row last. If the row''s xmin is another one, the row was restored or replicated, and its snapshots are of another cluster.';
-- The beginning of all transaction ids: the first claim finds every event there is.
insert into postrider.claim (base) values ('1:1:');

-- Unlogged, because Postgres empties an unlogged table exactly when it may have lost the end of its log: after a crash, in
-- a promoted standby, in a restored backup. A clean stop keeps both.
create unlogged table postrider.server_epoch (
  is_row boolean not null default true,
  id uuid not null default gen_random_uuid(),
  since timestamptz not null default clock_timestamp(),
  constraint server_epoch_pkey primary key (is_row),
  constraint "there is one epoch" check (is_row)
);
comment on table postrider.server_epoch is
  'One row, which the first record after a crash or a failover writes anew. While its id stays the same, Postgres has lost no record, so a daemon knows that a claim is recorded without looking at its deliveries.';
comment on column postrider.server_epoch.is_row is 'True: there is one row.';
comment on column postrider.server_epoch.id is 'Identifies the epoch.';
comment on column postrider.server_epoch.since is 'When it began.';

-- The one row that every daemon obeys. The first daemon that works in a database records its home here, not the migration,
-- because a database that was migrated and then used as a template is not a copy of anything.
create table postrider.sending (
  is_row boolean not null default true,
  is_on boolean not null default true,
  reason text,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null default session_user,
  is_guarded boolean not null default true,
  system_identifier bigint,
  database_oid oid,
  home_since timestamptz,
  constraint sending_pkey primary key (is_row),
  constraint "there is one row" check (is_row),
  constraint "a home is a database, since a time" check ((database_oid is null) = (home_since is null)),
  constraint "a guarded home is one of a cluster" check (
    (system_identifier is not null) = (is_guarded and database_oid is not null))
);
comment on table postrider.sending is
  'One row: whether daemons send from this database, and in which database of which cluster they do. Switch them off, here and wherever this row is copied to: update postrider.sending set is_on = false, reason = ''...''.';
comment on column postrider.sending.is_row is 'True: there is one row.';
comment on column postrider.sending.is_on is
  'False: nothing is claimed and no request starts until it is true again; events are accepted and wait.';
comment on column postrider.sending.reason is 'Why it is off; cleared when it is switched on.';
comment on column postrider.sending.changed_at is 'When is_on or the reason was last changed. Kept by a trigger.';
comment on column postrider.sending.changed_by is 'The database role that changed it. Kept by a trigger.';
comment on column postrider.sending.is_guarded is
  'Whether the cluster is identified by its system identifier. False only if pg_control_system() may not be called: a copy in another cluster is then not noticed unless its oid differs. A change forgets the home; if events were claimed, daemons stop until postrider.adopt() is called.';
comment on column postrider.sending.system_identifier is
  'The cluster that daemons work in, by pg_control_system(). A restored or copied database still names the cluster it comes from, so daemons stop there until postrider.adopt() is called.';
comment on column postrider.sending.database_oid is
  'The database of that cluster; null until a daemon has worked here.';
comment on column postrider.sending.home_since is 'When the first daemon began to work there, or the database was adopted.';
insert into postrider.sending default values;

create table postrider.retention (
  is_row boolean not null default true,
  period interval,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null default session_user,
  constraint retention_pkey primary key (is_row),
  constraint "there is one row" check (is_row),
  constraint "events are kept for 1 day to 100 years" check (period between interval '1 day' and interval '100 years')
);
comment on table postrider.retention is
  'One row: how long events are kept, with their deliveries and attempts. Change it: update postrider.retention set period = ''90 days''.';
comment on column postrider.retention.is_row is 'True: there is one row.';
comment on column postrider.retention.period is
  'Days that are older than this are removed, once nothing in them is needed. Null: 30 days, until a daemon starts that is told POSTRIDER_RETENTION, which is written here.';
comment on column postrider.retention.changed_at is 'When it was last changed. Kept by a trigger.';
comment on column postrider.retention.changed_by is 'The database role that changed it. Kept by a trigger.';
insert into postrider.retention default values;
