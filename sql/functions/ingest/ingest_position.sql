-- grant: select to publisher, reader, operator

-- A barrier, because otherwise a condition of the query could see the rows that are left out. What a publisher sees is what
-- require_ingest_role lets it continue; the rule is written here too, because a view calls with the rights of its reader.
create or replace view postrider.ingest_position with (security_barrier = true) as
  select i.name, i.role_name, i.path, i.run_id, i.batch, i.file_id, i.file_modified_ns, i.fingerprint, i.byte_offset, i.line_number,
         i.lines, i.events, i.unmatched, i.refused, i.created_at, i.updated_at, i.file_born_ns, i.passed_born_ns, i.known_files
  from postrider.ingest i
  where (select has_table_privilege('postrider.ingest', 'select'))
    or coalesce(pg_has_role(session_user, to_regrole(quote_ident(i.role_name))::oid, 'member'), true);
comment on view postrider.ingest_position is
  'How far each "postrider ingest" has read. Readers and operators see all of them, and publishers those that their login may continue: its own, those of roles that it is a member of, and those of roles that were dropped.';
comment on column postrider.ingest_position.name is 'Its name: --name, or else the host and the path of the file.';
comment on column postrider.ingest_position.role_name is 'The role that began it; members of that role may continue it.';
comment on column postrider.ingest_position.path is 'The file that is followed; null for standard input.';
comment on column postrider.ingest_position.run_id is 'The process that continues it, or was the last to.';
comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';
comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';
comment on column postrider.ingest_position.file_modified_ns is 'When that file was last modified, in nanoseconds since 1970; rotated files that are newer have not been read. Null until something is stored.';
comment on column postrider.ingest_position.fingerprint is 'Digest of the first and the last kilobyte that was read of it, because inodes are used again and copies have others. Null if there is none.';
comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';
comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';
comment on column postrider.ingest_position.lines is 'Lines read since the row was made, without empty ones.';
comment on column postrider.ingest_position.events is 'Lines that became events.';
comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';
comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';
comment on column postrider.ingest_position.created_at is 'When the ingest began.';
comment on column postrider.ingest_position.updated_at is 'When it last stored something.';
comment on column postrider.ingest_position.file_born_ns is 'When that file was made, in nanoseconds since 1970; null if the file system does not tell. An inode and a time of birth are never used again.';
comment on column postrider.ingest_position.passed_born_ns is 'Files that were made at or before this are not read, unless they are in known_files.';
comment on column postrider.ingest_position.known_files is 'Other files that had the followed name or were read, the last 100: the file, when it was made and modified, how much of it was read, and the fingerprint of that.';
