-- grant: execute to publisher
--
-- The triggers are row-level, because only they know which old row belongs to which new one. A statement-level trigger
-- gets two sets, to be paired by a key that the update may have changed. Each operation has its own trigger, so
-- Postgres itself judges the condition (when) before it queues anything: a row that does not match costs next to
-- nothing, a renamed column is followed, and a column that the condition names cannot be dropped. If "when" cannot take
-- a condition (a subquery; old for an insert, new for a delete), the trigger's function judges it.
--
-- Condition, payload, ordering_key and tenant are SQL of the table's owner, so none of it ever runs with the rights of
-- the owner of this schema. capture() acts with the rights of its caller, who must own the table. The function that it
-- makes lies beside the table, belongs to the table's owner, and acts with the owner's rights (security definer), with
-- the search_path that capture() was called with. So a role that changes rows needs no right on the outbox, the table's
-- owner does, and only the owner may attach that function to a table. As always in Postgres, the "when" of a trigger is
-- judged with the rights of the role that changes the row, so it calls only functions that every role may call.
--
-- There is no table of captures: the triggers are the record, and their arguments say what was asked for. They are
-- dropped with the table and come with a dump, and nothing can contradict them.

create or replace function postrider_internal.make_capture(
  table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text,
  schemas name[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  words constant text := left(regexp_replace(event_type, '[^A-Za-z0-9_]', '_', 'g'), 30);
  trigger_words constant text := words || '_' || left(md5(event_type), 8);
  arguments constant text := format('%L, %L, %L, %L, %L', event_type, coalesce(condition, ''), coalesce(payload, ''),
    coalesce(ordering_key, ''), coalesce(tenant, ''));
  create_trigger constant text := 'create trigger %I after %s on %s for each row when (%s) execute function %s(%s, %L)';
  -- Temporary objects come last, so that none of them is taken for one of the owner's.
  search_path constant text := concat_ws(', ', (
    select string_agg(quote_ident(s.name), ', ' order by s.place) from unnest(schemas) with ordinality s (name, place)
    where s.name !~ '^pg_temp'), 'pg_temp');
  -- Not made of the table's name or id: another table may get either later.
  function_name constant text := words || '_' || right(gen_random_uuid()::text, 12);
  schema_name constant text := (
    select quote_ident(n.nspname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = table_name);
  trigger_function constant text := schema_name || '.' || quote_ident('postrider_capture_' || function_name);
  event_function constant text := schema_name || '.' || quote_ident('postrider_event_' || function_name);
  -- Of a partitioned table whose updates alone are captured, for rows that move.
  moving_setting constant text := (
    select 'postrider.moving_' || right(function_name, 12) from pg_class c
    where c.oid = table_name and c.relkind = 'p' and operations <@ '{update}');
  judged text[] := '{}';
  operation text;
  trigger_name text;
begin
  perform postrider_internal.check_capture(table_name, operations);
  operations := array(select distinct o.name from unnest(operations) o (name));
  if event_type is null or event_type !~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$' or length(event_type) > 255 then
    raise exception 'cannot capture the changes of %: % is not an event type', table_name, quote_nullable(event_type)
      using errcode = 'invalid_parameter_value', hint = 'An event type is words of letters, digits, _, -, / and :, joined by dots, at most 255 long.';
  end if;
  if starts_with(event_type, 'postrider.') then
    raise exception 'cannot capture the changes of % as events of the type %', table_name, event_type
      using errcode = 'invalid_parameter_value', hint = 'Types that begin with postrider. are Postrider''s own. Choose another name.';
  end if;
  perform postrider_internal.check_capture_expression(table_name, 'condition', condition, 'case when (%s) then true end', search_path);
  perform postrider_internal.check_capture_expression(table_name, 'payload', payload, 'case when true then pg_catalog.to_json((%s)) end', search_path);
  perform postrider_internal.check_capture_expression(table_name, 'ordering_key', ordering_key, 'case when true then (%s)::text end', search_path);
  perform postrider_internal.check_capture_expression(table_name, 'tenant', tenant, 'case when true then (%s)::text end', search_path);
  perform postrider_internal.drop_capture(table_name, event_type);
  execute format('create function %s() returns trigger language plpgsql as %L', trigger_function, 'begin return null; end');
  foreach operation in array operations loop
    trigger_name := 'postrider_' || operation || '_' || trigger_words;
    if postrider_internal.create_capture_trigger(table_name, trigger_name, format(create_trigger, trigger_name, operation, table_name,
      coalesce(condition || E'\n', case operation when 'update' then 'old.* operator(pg_catalog.*<>) new.*' else 'true' end),
      trigger_function, arguments, 'when'), search_path)
    then
      judged := judged || operation;
    else
      execute format(create_trigger, trigger_name, operation, table_name, 'true', trigger_function, arguments, 'function');
    end if;
  end loop;
  perform postrider_internal.write_capture_functions(table_name, event_type, condition, payload, ordering_key, tenant,
    judged, array(select o.name from unnest(operations) o (name) where o.name <> all (judged)), trigger_function,
    event_function,
    postrider_internal.capture_settings(concat_ws(' ', condition, payload, ordering_key, tenant), search_path),
    replace(moving_setting, 'moving', 'moved'));
  if moving_setting is not null then
    perform postrider_internal.capture_moves(table_name, trigger_words, arguments, trigger_function, moving_setting);
  end if;
  -- A row of the function has no system columns, such as tableoid, as the table has.
  perform postrider_internal.check_capture_expression(table_name, 'one of these',
    format('select true from %s(null::%s, null, '''', 0, false)', event_function, table_name), 'case when true then (%s) end', search_path);
  if 'delete' = any (operations) then
    execute format('create trigger %I before truncate on %s for each statement execute function postrider_internal.refuse_captured_truncate(%s, %L)',
      'postrider_truncate_' || trigger_words, table_name, arguments, 'when');
  end if;
end
$$;
comment on function postrider_internal.make_capture(regclass, text, text[], text, text, text, text, name[]) is
  'Does the work of capture(), with the schemas in which the expressions find what they name. Acts with the rights of its caller.';
