create or replace function postrider_internal.subscription_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select e.tenant into new.tenant from postrider.endpoint e where e.id = new.endpoint_id;
  if not found then
    raise exception 'there is no endpoint %', coalesce(new.endpoint_id::text, 'null')
      using errcode = 'foreign_key_violation', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
  if new.filter is not null then
    perform postrider_internal.check_filter(new.filter);
  end if;
  return new;
end
$$;
comment on function postrider_internal.subscription_changing() is
  'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is not a predicate or can never match.';

create or replace trigger subscription_changing before insert or update on postrider.subscription
  for each row execute function postrider_internal.subscription_changing();
comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant. Refuses an endpoint that does not exist, and a filter that is not a predicate or can never match.';
