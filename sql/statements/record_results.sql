-- Records the results of many attempts in one transaction. Returns what postrider_internal.record_results does.
-- $1 daemon, $2 first attempts from memory (true) or leased deliveries (false), $3 whether some may be recorded already,
-- $4 to $21 columns, one element a result: event, endpoint, claim, attempts before, attempt, start in Unix ms, duration
-- in ms, status, requests, endpoint's revision, batch, failure kind, error, response headers, response body, state, wait
-- in ms, reason;
-- $22 which results, from 1, leave their batch;
-- $23 the claims of the results, $24 claims that are finished with these results, $25 the epoch of the earlier results
-- of each, $26 endpoints that answered 410
-- Locks: the claims (shared), the deliveries it changes (skip locked). Indexes: the primary keys.
select kept_claims, locked, discarded, discard_reasons, epoch, circuits from postrider_internal.record_results(
  $1::uuid, $2::boolean, $3::boolean, $4::uuid[], $5::uuid[], $6::bigint[], $7::integer[], $8::uuid[],
  $9::double precision[], $10::integer[], $11::smallint[], $12::smallint[], $13::bigint[], $14::uuid[], $15::text[],
  $16::text[], $17::json[], $18::text[], $19::text[], $20::bigint[], $21::text[], $22::integer[], $23::bigint[],
  $24::bigint[], $25::uuid[], $26::uuid[]);
