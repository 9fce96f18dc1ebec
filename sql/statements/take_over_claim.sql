-- Takes over a claim of a daemon that is gone, or adopts one of the caller's that is not in its memory.
-- $1 daemon, $2 claims that it knows of, $3 bytes of a payload at most
-- Locks: one claim (skip locked).
select claim_id, former_daemon_id, event_id, event_type, created_at, context, payload, endpoint_ids, endpoint_id, revision
from postrider_internal.take_over_claim($1::uuid, $2::bigint[], $3::integer);
