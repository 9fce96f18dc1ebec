create or replace function postrider_internal.drop_minutes(before date) returns table (outcome text, subject text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
-- Nobody needs these rows any more and no application writes to them, so a day is dropped as it is.
declare
  -- A day of minutes stays until its hours are made.
  hours_until constant text := coalesce((select to_char(c.made_until at time zone 'UTC', 'YYYYMMDD') from postrider.hour_cursor c), '');
  past record;
begin
  select c.relname as part, p.name as parent into past
  from unnest(array['endpoint_minute_part', 'unmatched_minute_part']) p (name)
  join pg_inherits i on i.inhparent = format('postrider.%I', p.name)::regclass
  join pg_class c on c.oid = i.inhrelid and c.relname ~ ('^' || p.name || '_[0-9]{8}$')
  where right(c.relname, 8) < least(to_char(before, 'YYYYMMDD'), hours_until)
  order by right(c.relname, 8), c.relname
  limit 1;
  if not found then
    return;
  end if;
  outcome := 'dropped';
  subject := past.part;
  execute format('lock table only postrider.%I in access exclusive mode', past.parent);
  execute format('drop table postrider.%I', past.part);
  return next;
exception
  when lock_not_available then
    outcome := 'busy';
    subject := null;
    return next;
end
$$;
comment on function postrider_internal.drop_minutes(date) is
  'Drops the oldest day of the minutes, if it is before that one, in UTC, and its hours are made, and says which. busy: another session holds a lock.';
