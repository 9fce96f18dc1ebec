-- grant: execute to portal

create or replace function postrider_internal.portal_searched_to(since timestamptz, until timestamptz, after_id uuid) returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select coalesce(
    -- Of the id, so that the index is enough.
    (select postrider.uuid_v7_time(o.id) from postrider.outbox o
     where o.id >= postrider.uuid_v7_floor(coalesce(since, now() - interval '24 hours'))
       and (until is null or o.id < postrider.uuid_v7_floor(until))
       and (after_id is null or o.id < after_id)
     order by o.id desc
     offset 9999 limit 1),
    since, now() - interval '24 hours')
  where postrider_internal.portal_tenant('attempts:read') is not null
$$;
comment on function postrider_internal.portal_searched_to(timestamptz, timestamptz, uuid) is
  'How far back portal_events() looked, if it found no more. It tells a tenant how far the last 10,000 events of all tenants reach, and nothing else of them.';
