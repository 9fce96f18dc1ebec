-- Claims a page of new events and routes it. The first row gives the outcome; each further row is an event in hand.
-- $1 daemon, $2 events at most, $3 and of those at most so many of transactions that are aside, $4 pairs at most,
-- $5 endpoints of one event at most, $6 bytes of a payload at most,
-- $7 endpoints whose filters are not applied (null: all), $8 and to which event each (null: to any)
-- Locks: the claim lock (a lock of the table claim_lock, tried and not waited for). Index: outbox (xid, seq).
select outcome, claim_id, event_count, queued_count, event_id, event_type, created_at, context, payload, endpoint_ids,
       endpoints, revisions, slow_endpoint_id, unmatched
from postrider_internal.claim_events($1::uuid, $2::integer, $3::integer, $4::integer, $5::integer, $6::integer, $7::uuid[],
                                    $8::uuid[]);
