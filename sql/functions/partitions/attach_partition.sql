create or replace function postrider_internal.attach_partition(parent text, day date, with_strays boolean default false) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Made separately and attached: `create table ... partition of` would lock the parent against every insert, attaching
-- locks only the default partition.
declare
  part constant text := parent || '_' || to_char(day, 'YYYYMMDD');
  net constant text := parent || '_default';
  key constant text := postrider_internal.partition_key(parent);
  lower_bound constant text := postrider_internal.partition_bound(parent, day);
  upper_bound constant text := postrider_internal.partition_bound(parent, day + 1);
  columns text;
begin
  execute format('create table postrider.%I (like postrider.%I including defaults including constraints including indexes including storage including comments)', part, parent);
  execute format('comment on table postrider.%I is %L', part, format('Partition of postrider.%s: %s, in UTC.', parent, day));
  if with_strays then
    -- A session that waited to change one of these rows would find it gone, and not where it went.
    execute format('lock table postrider.%I in access exclusive mode', net);
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into strict columns
    from pg_attribute a
    where a.attrelid = format('postrider.%I', parent)::regclass and a.attnum > 0 and not a.attisdropped;
    execute format('with moved as (delete from postrider.%I where %I >= %L and %I < %L returning %s) insert into postrider.%I (%s) select %s from moved',
      net, key, lower_bound, key, upper_bound, columns, part, columns, columns);
  end if;
  execute format('alter table postrider.%I attach partition postrider.%I for values from (%L) to (%L)', parent, part, lower_bound, upper_bound);
end
$$;
comment on function postrider_internal.attach_partition(text, date, boolean) is
  'Makes the partition of that day, in UTC, of a partitioned table. with_strays moves the day''s rows out of the default partition.';
