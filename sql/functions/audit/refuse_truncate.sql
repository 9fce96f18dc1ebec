create or replace function postrider_internal.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot truncate postrider.%', tg_table_name
    using errcode = 'feature_not_supported',
      detail = 'It would leave no row in the audit, and deliveries for endpoints that no longer exist.',
      hint = format('delete from postrider.%I', tg_table_name);
end
$$;
comment on function postrider_internal.refuse_truncate() is
  'Refuses to truncate what operators edit, because truncate fires no row triggers.';

create or replace trigger endpoint_truncate before truncate on postrider.endpoint
  for each statement execute function postrider_internal.refuse_truncate();
comment on trigger endpoint_truncate on postrider.endpoint is 'Refuses truncate, which the audit would not see.';

create or replace trigger subscription_truncate before truncate on postrider.subscription
  for each statement execute function postrider_internal.refuse_truncate();
comment on trigger subscription_truncate on postrider.subscription is 'Refuses truncate, which the audit would not see.';

create or replace trigger endpoint_secret_truncate before truncate on postrider.endpoint_secret
  for each statement execute function postrider_internal.refuse_truncate();
comment on trigger endpoint_secret_truncate on postrider.endpoint_secret is 'Refuses truncate, which the audit would not see.';

create or replace trigger event_type_truncate before truncate on postrider.event_type
  for each statement execute function postrider_internal.refuse_truncate();
comment on trigger event_type_truncate on postrider.event_type is 'Refuses truncate, which the audit would not see.';
