-- grant: execute to publisher

create or replace function postrider_internal.reads_session(expression pg_node_tree) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- A constant is written as numbers, so it cannot look like a function. Conversions through text may read settings. A
  -- comparison of rows names operators instead of functions, and times with and without a zone are compared in the session's.
  select expression::text ~ '[{](COERCEVIAIO|ROWCOMPARE|ROWCOMPAREEXPR|SQLVALUEFUNCTION|XMLEXPR|JSONCONSTRUCTOREXPR|JSONEXPR|NEXTVALUEEXPR) '
    or exists (
      select from regexp_matches(expression::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') as called (ids)
      left join pg_proc p on p.oid = called.ids[1]::oid
      where p.provolatile is distinct from 'i' or not has_function_privilege('public', p.oid, 'execute'))
$$;
comment on function postrider_internal.reads_session(pg_node_tree) is
  'Whether the value of an expression may depend on the session: it calls what is not immutable, or what not every role may call.';
