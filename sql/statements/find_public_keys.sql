-- The public halves of the ed25519 keys that sign an endpoint's requests, the newest first.
-- $1 the endpoint
-- Index: endpoint_secret_endpoint_id
select s.public_key::text as public_key
from postrider.endpoint_secret s
where s.endpoint_id = $1::uuid and s.kind = 'ed25519' and s.public_key is not null
  and (s.expires_at is null or s.expires_at > now())
order by s.created_at desc, s.id;
