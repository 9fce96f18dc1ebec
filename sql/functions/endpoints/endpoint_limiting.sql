create or replace function postrider_internal.endpoint_limiting() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.endpoint_pace as p (endpoint_id, unsettled_since)
  values (new.id, case when tg_op = 'UPDATE' then clock_timestamp() end)
  on conflict on constraint endpoint_pace_pkey do update
  set unsettled_since = case when old.is_limited then p.unsettled_since else excluded.unsettled_since end,
      -- At a low rate this may be hours away, and is no debt at a higher one.
      spent_until = case when new.effective_rate is null then p.spent_until
        else least(p.spent_until, clock_timestamp() + postrider_internal.rate_burst(new.effective_rate, new.rate_burst) * (interval '1 s' / new.effective_rate::float8)) end;
  return null;
end
$$;
comment on function postrider_internal.endpoint_limiting() is
  'Keeps the row under whose lock daemons lease for an endpoint with limits.';

create or replace trigger endpoint_limited after insert on postrider.endpoint
  for each row when (new.is_limited)
  execute function postrider_internal.endpoint_limiting();
comment on trigger endpoint_limited on postrider.endpoint is 'Prepares the limits of a new endpoint.';

create or replace trigger endpoint_limiting after update on postrider.endpoint
  for each row when (new.is_limited and (new.is_limited, new.effective_rate, new.rate_burst) is distinct from (old.is_limited, old.effective_rate, old.rate_burst))
  execute function postrider_internal.endpoint_limiting();
comment on trigger endpoint_limiting on postrider.endpoint is 'Prepares the limits of an endpoint that had none, or another rate.';
