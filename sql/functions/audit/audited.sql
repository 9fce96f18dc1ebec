create or replace function postrider_internal.audited(value anyelement) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
-- The audit reads alike, whoever's session writes it.
set timezone = 'UTC'
set intervalstyle = 'postgres'
as $$
  select to_jsonb(value)
$$;
comment on function postrider_internal.audited(anyelement) is
  'A time, an interval or a row for the detail of the audit, which reads alike whatever the session has set.';
