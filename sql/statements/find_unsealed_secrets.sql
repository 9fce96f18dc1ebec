-- Secrets that are stored as they are, the oldest first. None while a daemon lacks the key that would seal them.
-- $1 the one after which to look, or null, $2 how many at most, $3 that encryption key
-- Index: endpoint_secret_unsealed.
select s.id, s.endpoint_id, s.kind::text as kind, s.secret::text as secret, s.xmin::text as version
from postrider.endpoint_secret s
where s.secret !~ '^sealed:' and not exists (select from postrider_internal.daemons_without_key($3::text))
  and s.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
order by s.id
limit $2::integer;
