-- grant: execute to publisher

create or replace function postrider_internal.are_columns(one anyelement, names text[]) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select not exists (
    select from unnest(names) n (name)
    where not exists (
      select from pg_attribute a
      where a.attrelid = postrider_internal.row_table(one) and a.attname = n.name and a.attnum > 0 and not a.attisdropped))
$$;
comment on function postrider_internal.are_columns(anyelement, text[]) is
  'Whether all these are columns of the row''s table. Called with a constant, so that a plan asks once.';
