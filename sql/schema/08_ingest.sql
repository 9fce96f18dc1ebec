-- How far each ingest has read.
-- locks: nothing that exists; it makes new tables only
-- breaking: no
--
-- The position is stored in the transaction that inserts the events it covers, so a restart neither loses nor repeats a
-- line. Batches are numbered, and the row says which one was stored last: if an answer was lost, the batch is sent again
-- under its number and not inserted twice. Two ingests of one name exclude each other by an advisory lock of the session.
-- If that lock is lost unnoticed, the run's id in the row is the fence: a run that finds another id stops.
--
-- An ingest needs only the privileges of a publisher, because the functions act with their owner's rights and let a role
-- continue its own positions only.

create table postrider.ingest_position (
  name text not null,
  role_name text not null default session_user,
  path text,
  run_id uuid not null,
  batch bigint not null default 0,
  file_id text,
  file_modified_ns bigint,
  fingerprint text,
  byte_offset bigint not null default 0,
  line_number bigint not null default 0,
  lines bigint not null default 0,
  events bigint not null default 0,
  unmatched bigint not null default 0,
  refused bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint ingest_position_pkey primary key (name),
  constraint "name has 1 to 1024 characters" check (length(name) between 1 and 1024),
  constraint "nothing is counted below 0" check (
    least(batch, file_modified_ns, byte_offset, line_number, lines, events, unmatched, refused) >= 0)
) with (fillfactor = 50); -- rows are updated with each batch, in place
comment on table postrider.ingest_position is
  'How far each "postrider ingest" has read, written with the events. One row for each followed file, and one for each run that reads its input, while it runs.';
comment on column postrider.ingest_position.name is 'Its name: --name, or else the host and the path of the file.';
comment on column postrider.ingest_position.role_name is
  'The role that began it; members of that role may continue it.';
comment on column postrider.ingest_position.path is 'The file that is followed; null for standard input.';
comment on column postrider.ingest_position.run_id is 'The process that continues it, or was the last to.';
comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';
comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';
comment on column postrider.ingest_position.file_modified_ns is
  'When that file was last modified, in nanoseconds since 1970; rotated files that are newer have not been read. Null until something is stored.';
comment on column postrider.ingest_position.fingerprint is
  'Digest of the first and the last kilobyte that was read of it, because inodes are used again and copies have others. Null if there is none.';
comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';
comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';
comment on column postrider.ingest_position.lines is 'Lines read since the row was made, without empty ones.';
comment on column postrider.ingest_position.events is 'Lines that became events.';
comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';
comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';
comment on column postrider.ingest_position.created_at is 'When the ingest began.';
comment on column postrider.ingest_position.updated_at is 'When it last stored something.';
