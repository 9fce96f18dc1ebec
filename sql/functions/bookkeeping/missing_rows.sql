-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.missing_rows() returns table (found text, remedy text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select 'postrider.claim has no row, so daemons cannot tell which events they have claimed' as found,
         'to go on behind the events that there are: insert into postrider.claim (base) values (pg_current_snapshot()); to claim every event again: insert into postrider.claim (base) values (''1:1:'')' as remedy
  where not exists (select from postrider.claim)
  union all
  select 'postrider.sending has no row, so daemons cannot tell whether they may send from this database' as found,
         'if they may, run "postrider adopt", which writes it; if not: insert into postrider.sending (is_on) values (false)' as remedy
  where not exists (select from postrider.sending);
end;
comment on function postrider_internal.missing_rows() is
  'Which rows that daemons cannot work without are gone, and how each is made again.';
