create or replace function postrider_internal.endpoint_limiting() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.endpoint_pace (endpoint_id, unsettled_since)
  values (new.id, case when tg_op = 'UPDATE' then clock_timestamp() end)
  on conflict on constraint endpoint_pace_pkey do update set unsettled_since = excluded.unsettled_since;
  return null;
end
$$;
comment on function postrider_internal.endpoint_limiting() is
  'Makes the row under whose lock daemons lease for an endpoint that comes to have a limit.';

create or replace trigger endpoint_limited after insert on postrider.endpoint
  for each row when (new.max_in_flight is not null)
  execute function postrider_internal.endpoint_limiting();
comment on trigger endpoint_limited on postrider.endpoint is 'Prepares the limits of a new endpoint.';

create or replace trigger endpoint_limiting after update of max_in_flight on postrider.endpoint
  for each row when (new.max_in_flight is not null and old.max_in_flight is null)
  execute function postrider_internal.endpoint_limiting();
comment on trigger endpoint_limiting on postrider.endpoint is 'Prepares the limits of an endpoint that had none.';
