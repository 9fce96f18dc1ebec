-- What a pull endpoint's pages are made with, and the hashes of the tokens that fetch them.
-- $1 endpoint
select e.id, e.format, e.signing, e.encryption_key::jsonb as encryption_key,
       array(select encode(t.token_hash, 'hex') from postrider.pull_token t
             where t.endpoint_id = e.id and (t.expires_at is null or t.expires_at > now())
             order by t.created_at desc, t.id) as token_hashes,
       array(select s.secret::text from postrider.endpoint_secret s
             where s.endpoint_id = e.id and s.secret is not null and (s.expires_at is null or s.expires_at > now())
             order by s.created_at desc, s.id desc) as secrets,
       array(select s.kind::text from postrider.endpoint_secret s
             where s.endpoint_id = e.id and s.secret is not null and (s.expires_at is null or s.expires_at > now())
             order by s.created_at desc, s.id desc) as secret_kinds
from postrider.endpoint e
where e.id = $1::uuid and e.kind = 'pull';
