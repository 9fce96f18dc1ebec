-- grant: execute to publisher

create or replace function postrider_internal.is_function(name text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select to_regproc(name) is not null
$$;
comment on function postrider_internal.is_function(text) is
  'Whether there is one function of this name. Called with a constant, so that a plan asks once.';
