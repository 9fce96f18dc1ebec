-- grant: execute to publisher

create or replace function postrider_internal.compares_rows(expression pg_node_tree) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- A row as a whole is column 0. Its operators look for those of each column's type whenever they run.
  select expression::text ~ ':varattno 0 ' and exists (
    select from regexp_matches(expression::text, ':opfuncid ([0-9]+)', 'g') as called (ids)
    join pg_proc p on p.oid = called.ids[1]::oid
    where p.prosrc ~ '^record_(eq|ne|lt|le|gt|ge)$')
$$;
comment on function postrider_internal.compares_rows(pg_node_tree) is
  'Whether an expression compares whole rows by value, which fails if the table has, or gets, a column of a type without equality.';
