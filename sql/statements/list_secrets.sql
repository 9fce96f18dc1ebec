-- The secrets after one of them, a page at a time, those that have expired included.
-- $1 the last one of the page before, or null, $2 how many
-- Index: endpoint_secret_pkey
select s.id, s.endpoint_id, s.kind::text as kind, s.secret::text as secret, s.xmin::text as version,
       s.expires_at is null or s.expires_at > now() as is_in_force,
       e.state::text as endpoint_state
from postrider.endpoint_secret s
join postrider.endpoint e on e.id = s.endpoint_id
where s.secret is not null and s.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
order by s.id
limit $2::integer;
