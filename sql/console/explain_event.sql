-- For each endpoint of the event's tenant: what became of the event there, or why nothing did.
-- $1 event
select x.endpoint_id, x.name, x.url, x.endpoint_state, x.outcome, x.explanation, x.would_match_now, x.now_explanation
from postrider.explain_event($1::uuid) x
limit 1000;
