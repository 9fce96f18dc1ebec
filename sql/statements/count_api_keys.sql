-- The keys of the API that are valid, and those that want a role that its login lacks.
-- $1 whether it may take postrider_reader, $2 postrider_operator, $3 postrider_publisher
select count(*)::integer as keys, (count(*) filter (where u.is_unserved))::integer as unserved,
       min(k.name::text) filter (where u.is_unserved) as such_as
from postrider.api_key k
cross join lateral (
  select not $1::boolean and k.scopes && '{read,operate,admin}' or not $2::boolean and k.scopes && '{payload,operate,admin,portal:mint}'
    or not $3::boolean and k.scopes && '{publish,admin}' as is_unserved) u
where k.expires_at is null or k.expires_at > now();
