-- What an ingest remembers of the files that it has left, so that none is read twice and none is skipped.
-- locks: postrider.ingest_position, for a moment
-- breaking: no
--
-- A position from before continues as it did: without a time of birth, a rotated file is unread if it was modified after
-- the file of the position.

alter table postrider.ingest_position
  add column file_born_ns bigint,
  add column passed_born_ns bigint,
  add column known_files jsonb not null default '[]';
comment on column postrider.ingest_position.file_born_ns is
  'When that file was made, in nanoseconds since 1970; null if the file system does not tell. An inode and a time of birth are never used again.';
comment on column postrider.ingest_position.passed_born_ns is
  'Files that were made at or before this are not read, unless they are in known_files.';
comment on column postrider.ingest_position.known_files is
  'Other files that had the followed name or were read, the last 100: the file, when it was made and modified, how much of it was read, and the fingerprint of that.';
