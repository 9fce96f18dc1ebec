-- Ed25519 keys that are to be made, the oldest first.
-- $1 how many at most, $2 the encryption key that would seal them; null: none
-- Index: endpoint_secret_wanted, which is empty most of the time.
select s.id, s.endpoint_id, coalesce((select postrider_internal.is_everywhere($2::text)), false) as may_seal
from postrider.endpoint_secret s
where s.secret is null and (s.expires_at is null or s.expires_at > now())
order by s.id
limit $1::integer;
