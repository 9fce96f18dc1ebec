-- Editing by hand and by function have equal powers, because the triggers do what a change of state requires.
create or replace function postrider_internal.endpoint_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Daemons open and close circuits. That is no edit.
  if new.circuit_opened_at is distinct from old.circuit_opened_at then
    return new;
  end if;
  -- What failed may be mended.
  new.circuit_opened_at := null;
  new.revision := old.revision + 1;
  new.updated_at := clock_timestamp();
  new.has_transformed := old.has_transformed or old.transforms;
  if new.state is distinct from old.state then
    new.state_changed_at := clock_timestamp();
    if new.state = 'active' then
      new.state_reason := null;
    end if;
    -- So that enabling it does not resume what was paused.
    new.paused_at := case when old.state = 'paused' and new.state = 'disabled' then old.state_changed_at end;
    new.pause_reason := case when old.state = 'paused' and new.state = 'disabled' then old.state_reason end;
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_changing() is 'Keeps an endpoint''s revision and times.';

create or replace trigger endpoint_changing before update on postrider.endpoint
  for each row execute function postrider_internal.endpoint_changing();
comment on trigger endpoint_changing on postrider.endpoint is 'Keeps revision, updated_at and state_changed_at.';
