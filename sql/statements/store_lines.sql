-- Inserts a batch of log lines as events and moves the position behind them, both or neither.
-- $1 ingest, $2 run, $3 number of the batch, $4 event type, $5 tenant, $6 filter or null, $7 the lines, separated by line
-- feeds; null for none, $8 lines that were refused before; then the position: $9 file, $10 when it was made and
-- $11 modified, in ns, $12 fingerprint, $13 byte, $14 line; then the memory: $15 which files are past, by the time in ns when they were
-- made, $16 the files that are known; null if they are those that were stored last
-- Locks: its row of postrider.ingest.
select s.outcome, s.events, s.unmatched, s.refused, s.reasons
from postrider_internal.store_lines($1::text, $2::uuid, $3::bigint, $4::text, $5::text, $6::jsonpath, $7::text, $8::integer, $9::text, $10::bigint,
  $11::bigint, $12::text, $13::bigint, $14::bigint, $15::bigint, $16::jsonb) s;
