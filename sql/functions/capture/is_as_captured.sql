-- grant: execute to publisher

create or replace function postrider_internal.is_as_captured(
  one anyelement, relid oid, column_names text[], event_function text
) returns boolean
language sql immutable parallel safe
as $$
  -- The null rows are constants, so all but the first comparison is answered when the plan is made. The comparison keeps
  -- the table in the plan: when the table changes, Postgres makes a new one.
  select relid operator(pg_catalog.=) postrider_internal.row_table(case when false then one end)
    and postrider_internal.are_columns(case when false then one end, column_names)
    and postrider_internal.is_function(event_function)
    and postrider_internal.fits_row(case when false then one end, event_function)
$$;
comment on function postrider_internal.is_as_captured(anyelement, oid, text[], text) is
  'Whether the function that makes a captured row''s event is still there, finds the columns that it names, and can work with their types. Costs a comparison a row.';
