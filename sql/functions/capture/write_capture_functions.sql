-- grant: execute to publisher
--
-- The function of the triggers belongs to the table's owner, acts with the owner's rights and with fixed settings, and
-- inserts the event. What the event is, an SQL function says. Postgres writes its text into the insert whenever it plans
-- the insert, and so reads the expressions with the present types of the columns. The trigger function's own expressions
-- are planned once a session, and would fail when a column's type has changed. The SQL function takes rows of any type,
-- because a table cannot be dropped if a function's arguments have its type.

create or replace function postrider_internal.write_capture_functions(
  table_name regclass, event_type text, condition text, payload text, ordering_key text, tenant text,
  judged text[], unjudged text[], trigger_function text, event_function text, settings text,
  moved_setting text
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  -- Postgres follows the columns of a condition that it judges.
  own_condition constant text := case when unjudged <> '{}' or moved_setting is not null then condition end;
  expressions constant text := concat_ws(' ', own_condition, payload, ordering_key, tenant);
  full_name text;
  owner regrole;
  columns json;
  signature text;
begin
  select format('%s.%s', n.nspname, c.relname), c.relowner::regrole into full_name, owner
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = table_name;
  -- Those whose names occur in the expressions: more than they name, perhaps, but not fewer.
  select coalesce(json_agg(json_build_object('name', a.attname, 'number', a.attnum, 'type', format_type(a.atttypid, a.atttypmod))
    order by a.attnum), '[]') into columns
  from pg_attribute a
  where a.attrelid = table_name and a.attnum > 0 and not a.attisdropped
    and position(lower(replace(a.attname, '"', '""') collate "C") in lower(expressions collate "C")) > 0;
  execute format('create function %s(old anyelement, new anyelement, operation text, relid oid, is_judged boolean)
    returns table (payload json, ordering_key text, tenant text) language sql stable as %L', event_function,
    postrider_internal.event_query(full_name, own_condition, payload, ordering_key, tenant, 'old', 'new',
      'where relid operator(pg_catalog.=) postrider_internal.row_table(case when false then new end)'));
  execute format('create or replace function %s() returns trigger language plpgsql volatile security definer %s as %L',
    trigger_function, settings,
    postrider_internal.capture_function(event_type, full_name, event_function, judged, unjudged, columns, moved_setting));
  foreach signature in array array[event_function || '(anyelement, anyelement, text, oid, boolean)', trigger_function || '()'] loop
    -- A role that may call the trigger's could attach it to another table, and forge the owner's events.
    execute format('revoke all on function %s from public', signature);
    execute format('comment on function %s is %L', signature,
      format('Made by postrider.capture: for an event %s of each changed row of %s. Ends with postrider.uncapture. Columns: %s', event_type,
        table_name, (select string_agg(quote_ident(c ->> 'name'), ', ') from json_array_elements(columns) c)));
    if owner::text <> quote_ident(current_user) then
      execute format('alter function %s owner to %s', signature, owner);
    end if;
  end loop;
end
$$;
comment on function postrider_internal.write_capture_functions(regclass, text, text, text, text, text, text[], text[], text, text, text, text) is
  'Writes the two functions of a capture, for the table''s owner, when it is known for which operations Postgres judges the condition.';
