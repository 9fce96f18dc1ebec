-- grant: execute to publisher, reader, operator

create or replace function postrider_internal.lost_columns(captured oid, trigger_function oid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(named.columns[1], ', ')
  from pg_proc p, regexp_matches(substring(obj_description(p.oid, 'pg_proc') from ' Columns: (.*)$'), '("(?:[^"]|"")*"|[^, ]+)', 'g') as named (columns)
  where p.oid = trigger_function
    and not exists (
      select from pg_attribute a
      where a.attrelid = captured and quote_ident(a.attname) = named.columns[1] and a.attnum > 0 and not a.attisdropped)
$$;
comment on function postrider_internal.lost_columns(oid, oid) is
  'The columns that a capture names in its expressions, as its function''s comment lists them, and that its table no longer has by these names; null for none.';
