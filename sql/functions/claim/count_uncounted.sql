-- grant: execute to reader, operator

create or replace function postrider_internal.count_uncounted(endpoint_id uuid) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select (
    select count(*)
    from postrider.claim c
    cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
    where p.endpoint_id = count_uncounted.endpoint_id and not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0) -- one probe a pair
  )::integer + (
    select count(*)
    from postrider.delivery d
    where d.endpoint_id = count_uncounted.endpoint_id and d.is_counted is null
      and d.lease_expires_at is not null and d.lease_expires_at > now()
  )::integer;
end;
comment on function postrider_internal.count_uncounted(uuid) is
  'How many deliveries of an endpoint daemons have in hand that they took before it had a limit. It reads all that is in hand of every endpoint.';
