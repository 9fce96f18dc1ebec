create or replace function postrider_internal.require_home(may_move_in boolean default true) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  waiting_max constant integer := 1000;
  home record;
  problem text;
  waiting bigint;
begin
  select s.is_on, s.database_oid is not null as is_known, concat(s.system_identifier, '/', s.database_oid) as place into home
  from postrider.sending s
  where s.is_row;
  if not found then
    raise exception 'cannot tell whether daemons may send from this database'
      using errcode = 'PR014', detail = 'postrider.sending has no row',
        hint = 'if they may, run "postrider adopt", or select postrider.adopt(), which writes the row; if not, insert into postrider.sending (is_on) values (false)';
  end if;
  if home.is_known and home.place = current_setting('postrider.place', true) then
    return home.is_on;
  end if;
  problem := postrider.copy_problem();
  if problem is not null then
    select count(*) into waiting from (select from postrider.delivery d where d.state = 'pending' limit waiting_max + 1) w;
    raise exception 'cannot deliver from this database: it was restored or copied from another one'
      using errcode = 'PR014',
        detail = format('%s; %s in it, and %s in hand', problem,
          case when waiting > waiting_max then 'more than ' else '' end
            || postrider_internal.counted(least(waiting, waiting_max), 'delivery waits', 'deliveries wait'),
          (select postrider_internal.counted(count(*), 'first attempt was', 'first attempts were') from postrider.claim c
           cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
           where not exists (
             select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
             offset 0))),
        hint = 'if it replaces the other one, run "postrider adopt", or select postrider.adopt(); if it must not send, leave it as it is, or also switch sending off: update postrider.sending set is_on = false';
  end if;
  if home.is_known then
    perform set_config('postrider.place', home.place, false);
  elsif may_move_in then
    update postrider.sending s
    set (system_identifier, database_oid, home_since) = (
      select p.system_identifier, p.database_oid, clock_timestamp() from postrider_internal.present_place() p)
    where s.is_row and s.database_oid is null;
  end if;
  return home.is_on;
end
$$;
comment on function postrider_internal.require_home(boolean) is
  'Whether sending is switched on. Raises PR014 if this database is a copy that was not adopted. may_move_in: the first daemon of all records where it works before it does anything else.';
