-- Ed25519 keys that are to be made, the oldest first.
-- $1 the one after which to look, or null, $2 how many at most, $3 the encryption key that would seal them; null: none
-- Index: endpoint_secret_wanted, which is empty most of the time.
select s.id, s.endpoint_id, $3::text is not null and not exists (select from postrider_internal.daemons_without_key($3::text)) as may_seal
from postrider.endpoint_secret s
where s.secret is null and (s.expires_at is null or s.expires_at > now())
  and s.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
order by s.id
limit $2::integer;
