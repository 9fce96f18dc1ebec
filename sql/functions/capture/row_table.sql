-- grant: execute to publisher

create or replace function postrider_internal.row_table(one anyelement) returns regclass
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select t.typrelid::regclass from pg_type t where t.oid = pg_typeof(one)
$$;
comment on function postrider_internal.row_table(anyelement) is
  'The table of a row. Of a constant, Postgres knows it when it makes a plan, and makes a new plan when that table has changed.';
