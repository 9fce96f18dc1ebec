-- Endpoints whose receivers are to be asked for their consent, which this daemon does now.
-- $1 how many at most
-- Index: endpoint_handshake_next, which is empty most of the time.
select h.endpoint_id, h.revision, h.asking
from postrider_internal.take_handshakes($1::integer) h;
