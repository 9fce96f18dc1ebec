create or replace function postrider_internal.move_strays(since date, now timestamptz) returns table (outcome text, subject text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
-- If a day's partition was made too late, its rows are in the default partition. Once the day is past, and so gets no
-- more inserts, they move to a partition for the day, which can be dropped as a whole. That is one transaction, which
-- blocks readers meanwhile, so it is done only if it takes milliseconds. Larger days stay, and are deleted row by row
-- in the end.
declare
  -- 2,000 small events took 70 to 100 ms on two busy cores.
  net_bytes_max constant bigint := 262144;
  lower_bound uuid;
  -- An insert of the day's last moment that waited while the day moved would fail.
  grace constant interval := '1 hour';
  upper_bound constant uuid := postrider.uuid_v7_floor(date_trunc('day', move_strays.now - grace, 'UTC'));
  parent text;
  net text;
  key text;
  stray uuid;
  day date;
begin
  foreach parent in array array['outbox', 'delivery', 'other_attempt', 'transformation'] loop
    net := parent || '_default';
    key := postrider_internal.partition_key(parent);
    continue when pg_table_size(format('postrider.%I', net)::regclass) > net_bytes_max;
    lower_bound := postrider.uuid_v7_floor(since::timestamp at time zone 'UTC');
    loop
      execute format('select n.%I from postrider.%I n where n.%I >= $1 and n.%I < $2 order by n.%I limit 1', key, net, key, key, key)
        into stray using lower_bound, upper_bound;
      exit when stray is null;
      -- as if the id were of version 7, which nothing enforces
      day := (postrider.uuid_v7_time(overlay(stray::text placing '7' from 15)::uuid) at time zone 'UTC')::date;
      subject := parent || '_' || to_char(day, 'YYYYMMDD');
      if to_regclass(format('postrider.%I', subject)) is null then
        -- Subscribers would get the delete in the parent, and the insert in a table that they may not have.
        exit when exists (
          select from pg_publication_tables p where p.schemaname = 'postrider' and p.tablename in (parent, net));
        outcome := 'moved';
        perform postrider_internal.attach_partition(parent, day, with_strays => true);
        return next;
        return;
      end if;
      -- That day was detached, to be kept.
      lower_bound := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
    end loop;
  end loop;
exception
  when lock_not_available then
    outcome := 'busy';
    return next;
end
$$;
comment on function postrider_internal.move_strays(date, timestamptz) is
  'Takes one step of moving the rows of past days, from that day on, in UTC, from the default partitions into partitions of their days, if they are few, and says which partition was made.';
