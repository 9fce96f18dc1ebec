-- Secrets that are stored as they are, the oldest first.
-- $1 how many at most
-- Index: endpoint_secret_unsealed.
select s.id, s.endpoint_id, s.kind::text as kind, s.secret::text as secret
from postrider.endpoint_secret s
where s.secret !~ '^sealed:'
order by s.id
limit $1::integer;
