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
    begin
      perform jsonb_path_match('{}', new.filter);
    exception when data_exception then -- not a single item or, in strict mode, no such member
      raise exception 'the filter % is not a predicate', new.filter
        using errcode = 'invalid_parameter_value',
          detail = 'It selects something from the payload; a filter says whether the payload matches.',
          hint = 'Compare: $.amount > 100, $.status == "paid", exists($.refund).';
    end;
  end if;
  return new;
end
$$;
comment on function postrider_internal.subscription_changing() is
  'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is not a predicate.';

create or replace trigger subscription_changing before insert or update on postrider.subscription
  for each row execute function postrider_internal.subscription_changing();
comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant. Refuses an endpoint that does not exist, and a filter that is not a predicate.';
