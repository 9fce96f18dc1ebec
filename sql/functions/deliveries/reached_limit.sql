-- grant: execute to reader, operator

create or replace function postrider_internal.reached_limit(endpoint_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case when a.allowed = 0 then case when e.max_in_flight <= postrider_internal.count_counted(e.id) then 'max_in_flight'
              when e.rate_limit > e.receiver_rate or e.rate_limit is null then 'receiver_rate' else 'rate_limit' end end
  from postrider.endpoint e
  cross join postrider_internal.present_allowance(e.id, 1) a
  where e.id = reached_limit.endpoint_id;
end;
comment on function postrider_internal.reached_limit(uuid) is
  'Which limit of an endpoint allows no request at this moment; null if none stands in the way.';
