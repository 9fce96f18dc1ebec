-- The client certificates of endpoints that may be sent to, in PEM.
select e.id, postrider_internal.readable(e.name::text) as name, e.client_certificate ->> 'certificate' as certificate
from postrider.endpoint e
where e.client_certificate is not null and e.state <> 'disabled'
order by e.id;
