create or replace function postrider_internal.retention_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.changed_at := clock_timestamp();
  new.changed_by := session_user;
  return new;
end
$$;
comment on function postrider_internal.retention_changing() is 'Notes when and by whom the retention was changed.';

create or replace trigger retention_changing before update on postrider.retention
  for each row when ((new.period, new.hours_period) is distinct from (old.period, old.hours_period)) execute function postrider_internal.retention_changing();
comment on trigger retention_changing on postrider.retention is 'Keeps changed_at and changed_by.';

create or replace function postrider_internal.retention_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The audit reads alike, whoever's session writes it.
set timezone = 'UTC'
set intervalstyle = 'postgres'
as $$
begin
  insert into postrider.audit (action, before, after)
  select 'update retention', jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, to_jsonb(new) -> o.key)
  from jsonb_each(to_jsonb(old)) o
  where o.key = 'period' or o.key = 'hours_period' and new.hours_period is distinct from old.hours_period;
  return null;
end
$$;
comment on function postrider_internal.retention_changed() is 'Notes in the audit that the retention was changed.';

create or replace trigger retention_changed after update on postrider.retention
  for each row when ((new.period, new.hours_period) is distinct from (old.period, old.hours_period)) execute function postrider_internal.retention_changed();
comment on trigger retention_changed on postrider.retention is 'Notes the change in the audit.';
