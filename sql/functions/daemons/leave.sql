-- grant: execute to daemon

create or replace function postrider_internal.leave(daemon_id uuid) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  delete from postrider.daemon where id = leave.daemon_id;
end;
comment on function postrider_internal.leave(uuid) is
  'A clean stop: other daemons may take over at once what this one still had in hand.';
