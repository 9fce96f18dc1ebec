-- grant: execute to publisher

create or replace function postrider_internal.fits_row(one anyelement, event_function text) returns boolean
language plpgsql immutable parallel safe
-- Without a setting, because the expressions find what they name by the caller's search_path. So every name is in full.
as $$
declare
  row_type constant text := pg_catalog.quote_ident(n.nspname) operator(pg_catalog.||) '.' operator(pg_catalog.||) pg_catalog.quote_ident(t.typname)
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.typnamespace
    where t.oid operator(pg_catalog.=) pg_catalog.pg_typeof(one);
begin
  -- Planned, which writes the text of the function into the query, and of no table, so that no row is made.
  execute pg_catalog.format('select from %s(null::%s, null::%2$s, '''', 0, false)', event_function, row_type);
  return true;
exception
  when others then
    return false;
end
$$;
comment on function postrider_internal.fits_row(anyelement, text) is
  'Whether the function that makes a captured row''s event can be planned with the present types of the row''s columns. Called with a constant, so that a plan asks once.';
