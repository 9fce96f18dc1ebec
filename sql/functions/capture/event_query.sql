-- grant: execute to publisher

create or replace function postrider_internal.event_query(
  table_name text, condition text, payload text, ordering_key text, tenant text, old_row text, new_row text, source text
) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  -- The line break after each expression ends a comment that it may end with.
  select format($query$
select %s,
  %s,
  %s
%s
  and (is_judged or (%s))
$query$,
    coalesce('pg_catalog.to_json((' || payload || E'\n))',
      format('postrider_internal.row_change(operation, %L, pg_catalog.to_json(%s), pg_catalog.to_json(%s))', table_name, old_row, new_row)),
    coalesce('(' || ordering_key || E'\n)::text', 'null::text'),
    coalesce('(' || tenant || E'\n)::text', 'null::text'),
    source,
    coalesce(condition || E'\n', 'true'))
$$;
comment on function postrider_internal.event_query(text, text, text, text, text, text, text, text) is
  'The query for the payload, ordering key and tenant of a captured row''s event: no row if the condition is not met. Its source gives old, new, operation and is_judged, and ends with a condition.';
