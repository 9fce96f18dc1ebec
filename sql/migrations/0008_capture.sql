-- Row changes become events: capture() gives a table triggers, uncapture() takes them away.
-- locks: nothing that exists
-- breaking: no
--
-- Row-level triggers, for only they are sure of which old row belongs to which new one: a statement-level trigger has
-- them in two sets, to be paired by a key that the update may have changed. One for each operation, for then Postgres
-- itself judges the condition (when), before it queues anything: a row that does not match costs next to nothing, a
-- renamed column is followed, and one that the condition names cannot be dropped. A condition that "when" cannot take (a
-- subquery; old for an insert, new for a delete) is judged by the trigger's function.
--
-- Whose rights. Condition, payload, ordering_key and tenant are SQL of whoever owns the table, so none of it is ever run
-- with the rights of the owner of this schema. capture() acts with its caller's rights, who must own the table; the
-- function that it makes lies beside the table, belongs to the table's owner, and acts with his rights
-- (security definer), with the search_path that capture() was called with. So whoever changes rows needs no right on the
-- outbox, the table's owner does, and nobody but he may attach that function to a table. The triggers' "when" is
-- judged with the rights of whoever changes the row, as ever in Postgres.
--
-- There is no table of captures: the triggers are the record, and their arguments say what was asked for. They go with
-- the table and come with a dump, and nothing can disagree with them.

create function postrider.trigger_arguments(arguments bytea) returns text[]
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  -- each ends with a zero byte, which no text can hold: hence by way of hexadecimal pairs
  select array_agg(convert_from(decode(replace(a.pairs, ' ', ''), 'hex'), getdatabaseencoding()) order by a.place)
  from unnest(string_to_array(regexp_replace(encode(arguments, 'hex'), '(..)', '\1 ', 'g'), '00 '))
         with ordinality a (pairs, place)
$$;
comment on function postrider.trigger_arguments(bytea) is
  'The arguments of a trigger, from pg_trigger.tgargs; one empty text follows the last.';

create view postrider.capture_status as
select min(t.tgrelid)::regclass as table_name,
       min(t.arguments[1]) as event_type,
       array_agg(lower(split_part(t.tgname, '_', 2)) order by t.tgtype & 4 desc, t.tgtype & 16 desc) as operations,
       nullif(min(t.arguments[2]), '') as condition,
       nullif(min(t.arguments[3]), '') as payload,
       nullif(min(t.arguments[4]), '') as ordering_key,
       nullif(min(t.arguments[5]), '') as tenant,
       min(t.tgfoid)::regprocedure as function_name,
       min(p.proowner)::regrole as runs_as,
       case
         when not has_column_privilege(min(p.proowner), 'postrider.outbox'::regclass, 'payload', 'insert')
         then format('%s may not insert events, so that changes of captured rows fail: grant postrider_publisher to %1$s',
                     min(p.proowner)::regrole)
         when bool_or(t.tgenabled not in ('O', 'A'))
         then 'triggers are disabled, so that changes make no events: alter table ... enable trigger'
         when min(p.proowner) <> min(c.relowner)
         then format('the table now belongs to %s: have its owner capture it again', min(c.relowner)::regrole)
       end as problem
from (
  select g.tgrelid, g.tgname, g.tgtype, g.tgfoid, g.tgenabled, postrider.trigger_arguments(g.tgargs) as arguments
  from pg_catalog.pg_trigger g
  where g.tgname ~ '^postrider_(insert|update|delete)_' and not g.tgisinternal and g.tgparentid = 0 and g.tgnargs = 6
) t
join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_proc p on p.oid = t.tgfoid
group by t.tgrelid, t.tgfoid;
comment on view postrider.capture_status is
  'Which tables'' changes become events, one row a capture, read from their triggers. Made by postrider.capture, ended by postrider.uncapture or with the table.';
comment on column postrider.capture_status.table_name is 'The table.';
comment on column postrider.capture_status.event_type is 'The type of the events.';
comment on column postrider.capture_status.operations is 'Of insert, update and delete those that make events.';
comment on column postrider.capture_status.condition is 'Which changes make an event, as it was given to capture; null for all that change anything. Columns that were renamed since have their earlier names here.';
comment on column postrider.capture_status.payload is 'The expression for the payload; null for the default: operation, table, old and new.';
comment on column postrider.capture_status.ordering_key is 'The expression for the ordering key; null for none.';
comment on column postrider.capture_status.tenant is 'The expression for the tenant; null for the empty tenant.';
comment on column postrider.capture_status.function_name is 'The function of the triggers, made by capture.';
comment on column postrider.capture_status.runs_as is 'With whose rights the function acts: whoever owned the table when it was captured.';
comment on column postrider.capture_status.problem is 'What keeps changes from becoming events, and what to do; null if nothing does.';

create function postrider.row_change(operation text, table_name text, old json, new json) returns json
language sql immutable parallel safe
-- Names are bound here, so there is no search_path to pin, which would cost each row 2 us.
return json_build_object(
  'operation', operation,
  'table', table_name,
  'old', case when new is null then old else (
    -- both have the same columns in the same order, so they are laid side by side: no join, however many there are
    select json_object_agg(c.name, c.old_value)
    from rows from (json_each(old), json_each(new)) c (name, old_value, new_name, new_value)
    where c.old_value::text <> c.new_value::text) end,
  'new', new);
comment on function postrider.row_change(text, text, json, json) is
  'The payload of a captured change: the new row in full; of the old row, for an update, the columns that changed, for a delete all.';

create function postrider.refuse_captured_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot truncate %: its deletes are captured as events of the type %', tg_relid::regclass, tg_argv[0]
    using errcode = 'object_not_in_prerequisite_state',
      detail = 'A truncate does not say which rows it takes away, so that there would be no events of them.',
      hint = format('Delete the rows instead, or first: select postrider.uncapture(%L, %L).', tg_relid::regclass, tg_argv[0]);
end
$$;
comment on function postrider.refuse_captured_truncate() is 'Refuses to truncate a table whose deletes are captured.';

create function postrider.check_capture(table_name regclass, operations text[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What cannot be captured rightly is refused, with the reason.
declare
  captured record;
  reason text;
  advice text;
begin
  select c.relkind, c.relowner, c.relpersistence,
         -- Tables of ours carry a comment. Others are found here too: those of a login named postrider, whose search_path
         -- has the schema of that name first.
         c.relnamespace = 'postrider'::regnamespace and obj_description(c.oid, 'pg_class') is not null as is_ours,
         c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) as is_system,
         exists (select from pg_inherits i where i.inhparent = c.oid) as has_children,
         (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
          where a.attrelid = c.oid and a.attgenerated = 'v' and not a.attisdropped) as virtual_columns
  into captured
  from pg_class c
  where c.oid = table_name;
  if captured is null then
    raise exception 'cannot capture the changes of a table that is null or does not exist' using errcode = 'undefined_table';
  end if;
  if not pg_has_role(current_user, captured.relowner, 'usage') then
    raise exception 'cannot capture the changes of %: % does not own it', table_name, current_user
      using errcode = 'insufficient_privilege', hint = format('Its owner is %s.', captured.relowner::regrole);
  end if;
  if not has_column_privilege(captured.relowner, 'postrider.outbox', 'payload', 'insert') then
    raise exception 'cannot capture the changes of %: its owner, %, may not insert events', table_name, captured.relowner::regrole
      using errcode = 'insufficient_privilege', hint = format('grant postrider_publisher to %s', captured.relowner::regrole);
  end if;
  if 'truncate' = any (operations) then
    reason := 'a truncate does not say which rows it takes away';
    advice := 'Capture delete: then a truncate of the table is refused.';
  elsif operations is null or operations = '{}' or not operations <@ '{insert,update,delete}' then
    reason := format('the operations are %L', operations);
    advice := 'Give one or more of insert, update and delete.';
  elsif captured.is_ours or captured.is_system then
    reason := format('it is part of %s', case when captured.is_ours then 'Postrider' else 'PostgreSQL' end);
    advice := 'Move a table of your own to another schema.';
  elsif captured.relkind not in ('r', 'p') then
    reason := 'it is no table of this database: what changes it cannot be seen';
    advice := 'Capture the tables beneath it.';
  elsif captured.relpersistence = 't' then
    reason := 'it is temporary';
  elsif captured.relkind = 'r' and captured.has_children then
    reason := 'other tables inherit from it, and do not inherit its triggers';
    advice := 'Capture each of those that inherit, with the same event type.';
  elsif captured.virtual_columns is not null then
    reason := format('triggers cannot see the virtual generated columns %s', captured.virtual_columns);
    advice := 'Make them stored generated columns.';
  elsif captured.relkind = 'p' and 'update' = any (operations) and not operations @> '{insert,delete}' then
    reason := 'an update that moves a row to another partition is a delete and an insert to triggers';
    advice := 'Capture insert, update and delete, and tell them apart in the condition or in the payload; or capture each partition.';
  end if;
  if reason is not null then
    raise exception 'cannot capture the changes of %: %', table_name, reason
      using errcode = 'feature_not_supported', hint = coalesce(advice, '');
  end if;
end
$$;
comment on function postrider.check_capture(regclass, text[]) is
  'Raises where the changes of a table cannot be captured rightly or the caller may not, with the reason.';

create function postrider.check_capture_expression(
  table_name regclass, argument text, expression text, form text, search_path text
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Planned as a cursor, never run: a cursor takes a single statement, and "case when" a single expression. Postgres says
-- what is wrong with it: a column that is not there, a type that does not fit.
declare
  statement constant text := format('select %s from %s as old, %2$s as new where false',
    format(form, expression || E'\n'), table_name);
  plan refcursor;
  problem text;
begin
  if expression is null then
    return;
  end if;
  -- from here on everything is named in full; the function's own setting ends with it
  perform pg_catalog.set_config('search_path', search_path, true);
  open plan for execute statement;
  close plan;
exception
  when others then
    get stacked diagnostics problem = message_text;
    raise exception 'cannot capture the changes of %: % is no expression over old and new: %', table_name, argument, problem
      using errcode = 'invalid_parameter_value', detail = pg_catalog.format('%s => %L', argument, expression),
        hint = 'Name columns as old.column and new.column, and test it with: select (expression) from the_table as old, the_table as new limit 1.';
end
$$;
comment on function postrider.check_capture_expression(regclass, text, text, text, text) is
  'Raises where this is not a single SQL expression over old and new of the type that it is needed for. Acts with its caller''s rights.';

create function postrider.create_capture_trigger(statement text, search_path text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- from here on everything is named in full; the function's own setting ends with it
  perform pg_catalog.set_config('search_path', search_path, true);
  execute statement;
end
$$;
comment on function postrider.create_capture_trigger(text, text) is
  'Creates a trigger whose condition is read with this search_path. Acts with its caller''s rights.';

create function postrider.drop_capture(table_name regclass, event_type text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  captured record;
  was_captured boolean := false;
begin
  for captured in
    select t.tgname from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgparentid = 0
      and t.tgname ~ '^postrider_(insert|update|delete|truncate)_' and t.tgnargs = 6
      and (postrider.trigger_arguments(t.tgargs))[1] = event_type
  loop
    execute format('drop trigger %I on %s', captured.tgname, table_name);
    was_captured := true;
  end loop;
  -- Those whose triggers are gone: with uncapture now, or with their tables at any time.
  for captured in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace = (select c.relnamespace from pg_class c where c.oid = table_name)
      and p.proname ~ '^postrider_capture_' and p.prorettype = 'trigger'::regtype
      and obj_description(p.oid, 'pg_proc') ~ '^Made by postrider\.capture'
      and pg_has_role(current_user, p.proowner, 'usage')
      and not exists (select from pg_trigger t where t.tgfoid = p.oid)
  loop
    execute format('drop function %s', captured.signature);
  end loop;
  return was_captured;
end
$$;
comment on function postrider.drop_capture(regclass, text) is
  'Drops the triggers of a capture, and what functions of captures in that schema have no triggers any more. Returns whether there was one.';

create function postrider.capture_function(
  table_name text, payload text, condition text, ordering_key text, tenant text
) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  -- The line break after each expression ends a comment that it may end with. The condition has a statement of its own:
  -- where "when" has judged, it may name columns as they were once called.
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
      format('postrider.row_change(pg_catalog.lower(tg_op), %L, pg_catalog.to_json(old), pg_catalog.to_json(new))', table_name)),
    coalesce('(' || ordering_key || E'\n)::text', 'null'),
    coalesce('(' || tenant || E'\n)::text', 'null'))
$$;
comment on function postrider.capture_function(text, text, text, text, text) is
  'The body of a capture''s trigger function.';

create function postrider.make_capture(
  table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text,
  schemas name[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  words constant text := left(replace(event_type, '.', '_'), 30);
  trigger_words constant text := words || '_' || left(md5(event_type), 8);
  arguments constant text := format('%L, %L, %L, %L, %L', event_type, coalesce(condition, ''), coalesce(payload, ''),
    coalesce(ordering_key, ''), coalesce(tenant, ''));
  create_trigger constant text := 'create trigger %I after %s on %s for each row when (%s) execute function %s(%s, %L)';
  -- temporary objects last, where none of them is taken for one of the owner's
  search_path constant text := concat_ws(', ', (
    select string_agg(quote_ident(s.name), ', ' order by s.place) from unnest(schemas) with ordinality s (name, place)
    where s.name !~ '^pg_temp'), 'pg_temp');
  captured record;
  operation text;
  trigger_name text;
  function_name text;
begin
  perform postrider.check_capture(table_name, operations);
  if event_type is null or event_type !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' or length(event_type) > 255 then
    raise exception 'cannot capture the changes of %: % is no event type', table_name, quote_nullable(event_type)
      using errcode = 'invalid_parameter_value', hint = 'An event type is dotted words of letters, digits and underscores, at most 255 long.';
  end if;
  perform postrider.check_capture_expression(table_name, 'condition', condition, 'case when (%s) then true end', search_path);
  perform postrider.check_capture_expression(table_name, 'payload', payload, 'case when true then pg_catalog.to_json((%s)) end', search_path);
  perform postrider.check_capture_expression(table_name, 'ordering_key', ordering_key, 'case when true then (%s)::text end', search_path);
  perform postrider.check_capture_expression(table_name, 'tenant', tenant, 'case when true then (%s)::text end', search_path);
  perform postrider.drop_capture(table_name, event_type);

  select n.nspname as schema_name, c.relname as name, c.relowner as owner into captured
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = table_name;
  -- not made of the table's name or id: another table may come to have either
  function_name := format('%I.%I', captured.schema_name,
    'postrider_capture_' || words || '_' || right(gen_random_uuid()::text, 12));
  execute format('create function %s() returns trigger language plpgsql volatile security definer set search_path = %s as %L',
    function_name, search_path,
    postrider.capture_function(format('%s.%s', captured.schema_name, captured.name), payload, condition, ordering_key, tenant));
  -- whoever could name it could give it to a table of his own, and forge the owner's events
  execute format('revoke all on function %s() from public', function_name);
  execute format('comment on function %s() is %L', function_name,
    format('Made by postrider.capture: inserts an event %s for a changed row of %s. Ends with postrider.uncapture.', event_type, table_name));

  foreach operation in array array(select distinct o.name from unnest(operations) o (name)) loop
    trigger_name := 'postrider_' || operation || '_' || trigger_words;
    begin
      perform postrider.create_capture_trigger(format(create_trigger, trigger_name, operation, table_name,
        coalesce(condition || E'\n', case operation when 'update' then 'old.* operator(pg_catalog.*<>) new.*' else 'true' end),
        function_name, arguments, 'when'), search_path);
    exception
      when feature_not_supported or invalid_object_definition then
        execute format(create_trigger, trigger_name, operation, table_name, 'true', function_name, arguments, 'function');
    end;
  end loop;
  if 'delete' = any (operations) then
    execute format('create trigger %I before truncate on %s for each statement execute function postrider.refuse_captured_truncate(%s, %L)',
      'postrider_truncate_' || trigger_words, table_name, arguments, 'when');
  end if;
  if pg_get_userbyid(captured.owner) <> current_user then
    execute format('alter function %s() owner to %s', function_name, captured.owner::regrole);
  end if;
end
$$;
comment on function postrider.make_capture(regclass, text, text[], text, text, text, text, name[]) is
  'What capture does, with the schemas in which the expressions find what they name. Acts with its caller''s rights.';

create function postrider.capture(
  table_name regclass,
  event_type text,
  operations text[] default '{insert,update,delete}',
  condition text default null,
  payload text default null,
  ordering_key text default null,
  tenant text default null
) returns void
language sql volatile
as $$
  -- Not pinned, for here alone is the search_path known that the expressions are written for.
  select postrider.make_capture(table_name, event_type, operations, condition, payload, ordering_key, tenant,
    pg_catalog.current_schemas(false))
$$;
comment on function postrider.capture(regclass, text, text[], text, text, text, text) is
  'Makes changes of a table''s rows into events of that type, in the transaction that changes them; capturing the same type again replaces what was. condition, payload, ordering_key and tenant are SQL expressions over old and new, which are null where an insert has no old row and a delete no new one. For the owner of the table, who must be a publisher.';

create function postrider.uncapture(table_name regclass, event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  captured text;
begin
  if not postrider.drop_capture(table_name, event_type) then
    select string_agg((postrider.trigger_arguments(t.tgargs))[1], ', ') into captured
    from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgname ~ '^postrider_(insert|update|delete)_' and t.tgnargs = 6;
    raise exception 'cannot end the capture of % from %: there is none', quote_nullable(event_type), table_name
      using errcode = 'undefined_object', detail = format('Captured from it: %s.', coalesce(captured, 'nothing')),
        hint = 'All captures are in postrider.capture_status.';
  end if;
end
$$;
comment on function postrider.uncapture(regclass, text) is
  'Ends a capture: changes of the table''s rows make no more events of that type. Events that were made are delivered. For the owner of the table.';

do $$ begin perform postrider.grant_roles(); end $$;
