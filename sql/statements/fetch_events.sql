-- A page of a pull endpoint; acknowledges what is before it.
-- $1 listener, $2 endpoint, $3 cursor, $4 how many events at most, $5 how many bytes of payloads, $6 and of one at most,
-- $7 why the next one is discarded, $8 whether one that is larger than a page may come
select f.outcome, f.next_cursor, f.has_more, f.event_id, f.event_type, f.created_at, f.context, f.payload
from postrider_internal.fetch_events($1, $2, $3, $4, $5, $6, $7, $8) f;
