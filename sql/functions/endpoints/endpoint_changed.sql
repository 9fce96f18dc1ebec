create or replace function postrider_internal.endpoint_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- What is told of an endpoint has its times in UTC, whoever's session it is.
set timezone = 'UTC'
as $$
-- Up to 10,000 pending deliveries are discarded here, so that the operator sees the effect at once. Daemons discard the
-- rest in small steps, because one statement over millions of rows would hold its locks for minutes.
begin
  if tg_op = 'DELETE' then
    perform postrider_internal.discard_deliveries(old.id, 'the endpoint was deleted', 10000);
    delete from postrider.ordered_walk w where w.endpoint_id = old.id;
  elsif new.state = 'disabled' then
    perform postrider_internal.discard_deliveries(new.id, coalesce('the endpoint is disabled: ' || new.state_reason, 'the endpoint is disabled'), 10000);
    if current_setting('postrider.untold_endpoint', true) is distinct from new.id::text then
      perform postrider_internal.note_endpoint_event('postrider.endpoint.disabled', new.id, (
        select row_to_json(d)
        from (
          select new.state_reason as reason, session_user as changed_by, f.failing_since, coalesce(f.consecutive_failures, 0) as failures
          from (select) one
          left join postrider.endpoint_failure f on f.endpoint_id = new.id) d));
    end if;
  else
    perform postrider_internal.notify_daemons('operator');
  end if;
  return null;
end
$$;
comment on function postrider_internal.endpoint_changed() is 'Discards what waits for an endpoint that was disabled or deleted, and wakes the daemons for one that was resumed.';

create or replace trigger endpoint_disabled after update of state on postrider.endpoint
  for each row when (new.state is distinct from old.state) execute function postrider_internal.endpoint_changed();
comment on trigger endpoint_disabled on postrider.endpoint is 'Acts on a change of state.';

create or replace trigger endpoint_deleted after delete on postrider.endpoint
  for each row execute function postrider_internal.endpoint_changed();
comment on trigger endpoint_deleted on postrider.endpoint is 'Discards what waits for the endpoint.';
