-- What signs an endpoint's requests, without what is secret of it.
-- $1 endpoint
select s.id, s.kind, s.public_key, s.created_at, s.expires_at
from postrider.portal_secret s
where s.endpoint_id = $1::uuid
order by s.created_at desc, s.id desc
limit 1000;
