-- grant: execute to reader, operator

create or replace function postrider_internal.count_counted(endpoint_id uuid) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select count(*)::integer
  from postrider.delivery d
  where d.endpoint_id = count_counted.endpoint_id and d.is_counted and d.lease_expires_at is not null and d.lease_expires_at > now();
end;
comment on function postrider_internal.count_counted(uuid) is
  'How many requests of an endpoint with limits are in progress, or are about to begin: those of leases that have not expired. A daemon that was killed holds its own until they do.';
