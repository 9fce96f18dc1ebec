-- Inserts a batch of log lines as events and moves the position behind them, both or neither.
-- $1 ingest, $2 run, $3 number of the batch, $4 event type, $5 tenant, $6 filter or null, $7 the lines, separated by line
-- feeds; null for none, $8 lines that were refused before; then the position: $9 file, $10 its time of modification in ns,
-- $11 fingerprint, $12 byte, $13 line
-- Locks: its row of ingest_position.
select s.outcome, s.events, s.unmatched, s.refused, s.reasons
from postrider_internal.store_lines($1::text, $2::uuid, $3::bigint, $4::text, $5::text, $6::jsonpath, $7::text, $8::integer, $9::text, $10::bigint,
  $11::text, $12::bigint, $13::bigint) s;
