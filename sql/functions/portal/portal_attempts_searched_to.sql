-- grant: execute to portal

create or replace function postrider_internal.portal_attempts_searched_to(
  since timestamptz, until timestamptz, after_started_at timestamptz, after_id uuid
) returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select coalesce(
    (select a.started_at from postrider.other_attempt a
     where a.started_at >= coalesce(since, now() - interval '24 hours') and a.started_at < coalesce(until, now())
       and (after_id is null or (a.started_at, a.id) < (after_started_at, after_id))
     order by a.started_at desc, a.id desc
     offset 19999 limit 1),
    since, now() - interval '24 hours')
  where postrider_internal.portal_tenant('attempts:read') is not null
$$;
comment on function postrider_internal.portal_attempts_searched_to(timestamptz, timestamptz, timestamptz, uuid) is
  'How far back portal_failed_attempts() looked, if it found no more. It tells a tenant how far the last 20,000 attempts of all tenants reach, and nothing else of them.';
