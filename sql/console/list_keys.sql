-- The keys of the API, without what is secret of them.
-- $1 limit, $2 older than this one
select k.id, k.name, k.scopes, k.created_at, k.created_by, k.expires_at, k.last_used_at
from postrider.api_key k
where $2::uuid is null or k.id < $2
order by k.id desc
limit $1::integer;
