-- Begins an ingest, or continues it after the connection was lost, and returns its position.
-- $1 name, $2 path of the followed file or null, $3 the run, $4 whether the run continues, $5 filter or null, $7 type of the events,
-- $6 after how many ms the server ends a silent session, which releases its lock
-- Locks: the ingest's advisory lock, tried and held by the session; its row of postrider.ingest, for a moment.
select o.outcome, o.batch, o.file_id, o.file_born_ns, o.file_modified_ns, o.fingerprint, o.byte_offset, o.line_number,
  o.passed_born_ns, o.known_files,
  pg_catalog.set_config('idle_session_timeout', $6::text, false) as idle_session_timeout
from postrider_internal.open_ingest($1::text, $2::text, $3::uuid, $4::boolean, $5::text, $7::text) o;
