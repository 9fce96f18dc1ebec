create or replace function postrider_internal.drop_days(before date) returns table (outcome text, subject text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
  keys_max constant integer := 5000;
  past record;
  lower_bound uuid;
  upper_bound uuid;
  part text;
  has_rows boolean;
  deleted bigint;
  is_busy boolean := false;
  is_blocked boolean := false;
begin
  for past in
    -- Kept as text until the default partitions are excluded.
    select to_date(d.day, 'YYYYMMDD') as day, array_agg(d.name order by d.n) as parts, array_agg(d.parent order by d.n) as parents
    from (
      select c.relname as name, p.name as parent, p.n, right(c.relname, 8) as day
      from unnest(array['outbox', 'delivery', 'other_attempt', 'transformation']) with ordinality p (name, n)
      join pg_inherits i on i.inhparent = format('postrider.%I', p.name)::regclass
      join pg_class c on c.oid = i.inhrelid and c.relname ~ ('^' || p.name || '_[0-9]{8}$')) d
    where d.day < to_char(before, 'YYYYMMDD')
    group by d.day
    order by d.day
  loop
    begin
      subject := to_char(past.day, 'YYYY-MM-DD');
      lower_bound := postrider.uuid_v7_floor(past.day::timestamp at time zone 'UTC');
      upper_bound := postrider.uuid_v7_floor((past.day + 1)::timestamp at time zone 'UTC');
      has_rows := false;
      foreach part in array past.parts loop
        execute format('select $1 or exists (select from postrider.%I)', part) into has_rows using has_rows;
      end loop;
      if has_rows then
        continue when postrider_internal.is_needed(lower_bound, upper_bound);
        delete from postrider.idempotency_key k
        where k.event_id in (
          select e.event_id from postrider.idempotency_key e
          where e.event_id >= lower_bound and e.event_id < upper_bound
          order by e.event_id
          limit keys_max);
        get diagnostics deleted = row_count;
        if deleted > 0 then
          outcome := 'deleted';
          subject := format('%s idempotency keys of %s', deleted, past.day);
          return next;
          return;
        end if;
        foreach part in array past.parts loop
          execute format('lock table postrider.%I in access exclusive mode', part);
        end loop;
        -- No open transaction has written to these, and what was committed is visible from here on.
        if postrider_internal.is_needed(lower_bound, upper_bound) then
          raise lock_not_available;
        end if;
        perform postrider_internal.note_gone(lower_bound, upper_bound);
        foreach part in array past.parts loop
          execute format('truncate postrider.%I', part);
        end loop;
        delete from postrider.cancellation c where c.event_id >= lower_bound and c.event_id < upper_bound;
        insert into postrider.audit (action, detail) values ('maintain', jsonb_build_object('emptied', past.day));
        outcome := 'emptied';
      elsif is_blocked then
        continue;
      else
        subject := past.parts[1];
        execute format('lock table only postrider.%I in access exclusive mode', past.parents[1]);
        execute format('lock table postrider.%I in access exclusive mode', subject);
        execute format('select exists (select from postrider.%I)', subject) into has_rows;
        if has_rows then
          raise lock_not_available;
        end if;
        execute format('drop table postrider.%I', subject);
        outcome := 'dropped';
      end if;
      return next;
      return;
    exception
      when lock_not_available then
        is_busy := true;
        -- Another attempt at a parent would block the inserts again.
        is_blocked := is_blocked or not has_rows;
    end;
  end loop;
  if is_busy then
    outcome := 'busy';
    return next;
  end if;
end
$$;
comment on function postrider_internal.drop_days(date) is
  'Takes one step of removing the days before that one, in UTC, in which nothing is needed any more. deleted: some of their idempotency keys; emptied: a day; dropped: a partition of an empty day; busy: another session holds a lock.';
