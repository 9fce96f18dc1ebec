-- How to talk to these endpoints, with the secrets that sign for them, newest first.
-- $1 endpoints, $2 whether to leave out the texts that people write
select e.id, e.revision, e.format, e.batch_size, e.ordered, e.timeout_ms, e.signing,
       case when not $2::boolean then e.url::text else '' end as url,
       case when not $2::boolean then postrider_internal.constant_headers(e.headers) else '{}' end as headers,
       case when not $2::boolean then e.encryption_key::jsonb end as encryption_key,
       e.inline_limit::integer as inline_limit, e.is_limited, e.effective_rate is not null as is_paced, e.transforms, e.transforms or e.has_transformed as may_transform,
       array(select floor(extract(epoch from s.step) * 1000)::float8
             from unnest(e.retry_schedule) with ordinality s (step, n) order by s.n) as schedule_ms,
       e.retry_on::text[] as retry_on, e.give_up_on::text[] as give_up_on,
       array(select s.secret::text from postrider.endpoint_secret s
             where s.endpoint_id = e.id and s.secret is not null and (s.expires_at is null or s.expires_at > now())
             order by s.created_at desc, s.id desc) as secrets,
       array(select s.kind::text from postrider.endpoint_secret s
             where s.endpoint_id = e.id and s.secret is not null and (s.expires_at is null or s.expires_at > now())
             order by s.created_at desc, s.id desc) as secret_kinds,
       (select extract(epoch from min(s.expires_at) - now())::float8 * 1000 from postrider.endpoint_secret s
        where s.endpoint_id = e.id and s.expires_at > now() and isfinite(s.expires_at)) as secrets_valid_ms,
       e.auth ->> 'type' as auth_type, e.client_certificate is not null as has_client_certificate, e.handshake,
       e.handshake_state <> 'granted' as is_unconsented, ceil(e.rate_limit * 60)::integer as rate_per_minute,
       exists (select from postrider.endpoint_failure f
               where f.endpoint_id = e.id and f.consecutive_failures > 0 and f.last_http_status is null) as is_silent
from postrider.endpoint e
where e.id = any ($1::uuid[]);
