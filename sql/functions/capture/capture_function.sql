-- grant: execute to publisher

create or replace function postrider_internal.capture_function(
  table_name text, payload text, condition text, ordering_key text, tenant text
) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  -- The line break after each expression ends a comment that it may end with. The condition is a statement by itself,
  -- because if "when" has judged it, it may name columns by former names.
  select format($body$
begin
  if tg_argv[5] = 'function' then
    if (%s
    ) is not true then
      return null;
    end if;
  end if;
  insert into postrider.outbox (event_type, payload, ordering_key, tenant)
  values (
    tg_argv[0],
    coalesce(%s, 'null'),
    %s,
    coalesce(%s, ''));
  return null;
end
$body$,
    coalesce(condition, 'true'),
    coalesce('pg_catalog.to_json((' || payload || E'\n))',
      format('postrider_internal.row_change(pg_catalog.lower(tg_op), %L, pg_catalog.to_json(old), pg_catalog.to_json(new))', table_name)),
    coalesce('(' || ordering_key || E'\n)::text', 'null'),
    coalesce('(' || tenant || E'\n)::text', 'null'))
$$;
comment on function postrider_internal.capture_function(text, text, text, text, text) is
  'The body of the trigger function of a capture.';
