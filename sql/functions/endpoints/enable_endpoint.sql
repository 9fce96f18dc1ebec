-- grant: execute to operator

create or replace function postrider.enable_endpoint(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  old_state constant text := postrider_internal.lock_endpoint(id);
  paused record;
begin
  select e.paused_at, e.pause_reason into paused from postrider.endpoint e where e.id = id;
  perform postrider_internal.set_endpoint_state(id,
    case when old_state <> 'disabled' then old_state when paused.paused_at is not null then 'paused' else 'active' end,
    paused.pause_reason, 'enable_endpoint');
  if old_state = 'paused' or paused.paused_at is not null then
    raise notice 'endpoint % is paused, and waits', id
      using detail = 'To enable an endpoint does not resume what was paused, be it before it was disabled.',
        hint = 'select postrider.resume_endpoint(id) resumes it.';
  end if;
end
$$;
comment on function postrider.enable_endpoint(uuid) is
  'Enables a disabled endpoint: it gets the events from now on. Use it if the receiver is back, and replay() for what it missed. If the endpoint was paused when it was disabled, it is paused again until resume_endpoint().';
