-- How many endpoints there are from which receivers fetch, and how many of them have no valid token, with one of these.
select count(*)::integer as endpoints,
       (count(*) filter (where t.is_missing))::integer as without_token,
       (min(e.id::text collate "C") filter (where t.is_missing))::uuid as such_as
from postrider.endpoint e
cross join lateral (
  select not exists (
    select from postrider.pull_token p
    where p.endpoint_id = e.id and (p.expires_at is null or p.expires_at > now())) as is_missing
  offset 0) t
where e.kind = 'pull' and e.state <> 'disabled';
