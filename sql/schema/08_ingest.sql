-- How far each ingest has read.
-- locks: nothing that exists; it makes new tables only
-- breaking: no
--
-- The position is stored in the transaction that inserts the events it covers: that is why a restart neither loses nor
-- repeats a line. A batch has a number, and the row says which one was stored last: one whose answer was lost is sent
-- again under the same number and not inserted twice. Two ingests of one name exclude each other by an advisory lock of
-- the session; should that be lost without a word, the run's id in the row fences: who finds another's stops.
--
-- Whose rights. An ingest needs no more than a publisher has, since the functions act with their owner's rights and let
-- a role go on with its own positions only.

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
) with (fillfactor = 50); -- its rows are updated with each batch: there is to be room beside them
comment on table postrider.ingest_position is
  'How far each "postrider ingest" has got, written with the events. One row a followed file; one a run that reads its input, for as long as that runs.';
comment on column postrider.ingest_position.name is 'What it goes by: --name, or else the host and the path of the file.';
comment on column postrider.ingest_position.role_name is 'The role that began it: members of that role may go on with it.';
comment on column postrider.ingest_position.path is 'The file that is followed; null where standard input is read.';
comment on column postrider.ingest_position.run_id is 'The process that goes on with it, or was the last to.';
comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';
comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';
comment on column postrider.ingest_position.file_modified_ns is
  'When that file had been modified, in nanoseconds since 1970: rotated files that are newer have not been read. Null until something is stored.';
comment on column postrider.ingest_position.fingerprint is
  'Digest of the first and the last kilobyte of what was read of it: inodes are used again, and copies have others. Null where there is none.';
comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';
comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';
comment on column postrider.ingest_position.lines is 'Lines that were read since the row was made, empty ones not counted.';
comment on column postrider.ingest_position.events is 'Lines that became events.';
comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';
comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';
comment on column postrider.ingest_position.created_at is 'When the ingest began.';
comment on column postrider.ingest_position.updated_at is 'When it stored something last.';
