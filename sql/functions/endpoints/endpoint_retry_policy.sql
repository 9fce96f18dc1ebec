create or replace function postrider_internal.endpoint_retry_policy() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  shared text;
begin
  select least(r.status, g.status) into shared
  from unnest(new.retry_on) r (status), unnest(new.give_up_on) g (status)
  where r.status in (g.status, left(g.status, 1) || 'xx') or g.status = left(r.status, 1) || 'xx'
  limit 1;
  if shared is not null then
    raise exception 'retry_on and give_up_on both say %', shared
      using errcode = 'check_violation', constraint = 'no status is in both retry_on and give_up_on',
        schema = 'postrider', table = 'endpoint', column = 'give_up_on',
        hint = 'Take it out of one of them. With retry_on set, every other status is given up anyway.';
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_retry_policy() is 'Refuses a status that retry_on and give_up_on both name.';

create or replace trigger endpoint_retry_policy before insert or update of retry_on, give_up_on on postrider.endpoint
  for each row execute function postrider_internal.endpoint_retry_policy();
comment on trigger endpoint_retry_policy on postrider.endpoint is 'Refuses a status that retry_on and give_up_on both name.';
