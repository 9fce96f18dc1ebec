-- The client certificates of endpoints that may be sent to, in PEM, a page at a time.
-- $1 the endpoint of the last one of the page before, or null, $2 how many
-- Index: endpoint_pkey
select e.id, postrider_internal.readable(e.name::text) as name, e.client_certificate ->> 'certificate' as certificate
from postrider.endpoint e
where e.client_certificate is not null and e.state <> 'disabled'
  and e.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
order by e.id
limit $2::integer;
