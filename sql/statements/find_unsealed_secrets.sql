-- Secrets that are stored as they are, the oldest first. None while a daemon lacks the key that would seal them.
-- $1 how many at most, $2 that encryption key
-- Index: endpoint_secret_unsealed.
select s.id, s.endpoint_id, s.kind::text as kind, s.secret::text as secret
from postrider.endpoint_secret s
where s.secret !~ '^sealed:' and (select postrider_internal.is_everywhere($2::text))
order by s.id
limit $1::integer;
