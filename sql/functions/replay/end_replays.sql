-- Its name makes it fire before endpoint_disabled and endpoint_deleted, so what the replay has taken up gets back its
-- former state instead of being discarded.
create or replace function postrider_internal.end_replays() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  unfinished uuid;
begin
  for unfinished in
    select r.id from postrider.replay r
    where r.endpoint_id = old.id and r.state in ('preparing', 'delivering')
    order by r.id
  loop
    perform postrider_internal.end_replay(unfinished, postrider_internal.discard_reason(case when tg_op = 'UPDATE' then new.state end));
  end loop;
  return null;
end
$$;
comment on function postrider_internal.end_replays() is 'Cancels the replays of an endpoint that was disabled or deleted.';

create or replace trigger end_replays after update of state on postrider.endpoint
  for each row when (new.state = 'disabled' and old.state <> 'disabled') execute function postrider_internal.end_replays();
comment on trigger end_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is disabled.';

create or replace trigger end_all_replays after delete on postrider.endpoint
  for each row execute function postrider_internal.end_replays();
comment on trigger end_all_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is deleted.';
