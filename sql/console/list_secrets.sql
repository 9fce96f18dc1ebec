-- The secrets that sign an endpoint's requests, without what is secret of them.
-- $1 endpoint
select s.id, s.kind, s.public_key, s.created_at, s.expires_at
from postrider.endpoint_secret s
where s.endpoint_id = $1::uuid
order by s.created_at desc, s.id desc
limit 1000;
