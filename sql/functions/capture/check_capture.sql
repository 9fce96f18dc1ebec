-- grant: execute to publisher

create or replace function postrider_internal.check_capture(table_name regclass, operations text[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Changes that could not be captured completely are refused, with the reason.
declare
  captured record;
  reason text;
  advice text;
begin
  select c.relkind, c.relowner, c.relpersistence,
         -- Our tables carry a comment. Others may be in this schema too: those of a login named postrider, whose
         -- search_path begins with the schema of its name.
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
    reason := 'a truncate does not say which rows it removes';
    advice := 'Capture delete: then a truncate of the table is refused.';
  elsif operations is null or operations = '{}' or not operations <@ '{insert,update,delete}' then
    reason := format('the operations are %L', operations);
    advice := 'Give one or more of insert, update and delete.';
  elsif captured.is_ours or captured.is_system then
    reason := format('it is part of %s', case when captured.is_ours then 'Postrider' else 'PostgreSQL' end);
    advice := 'Move a table of your own to another schema.';
  elsif captured.relkind not in ('r', 'p') then
    reason := 'it is not a table of this database, so its changes cannot be seen';
    advice := 'Capture the tables beneath it.';
  elsif captured.relpersistence = 't' then
    reason := 'it is temporary';
    advice := 'Capture a table that outlives the session.';
  elsif captured.relkind = 'r' and captured.has_children then
    reason := 'other tables inherit from it, and do not inherit its triggers';
    advice := 'Capture each of those that inherit, with the same event type.';
  elsif captured.virtual_columns is not null then
    reason := format('triggers cannot see the virtual generated columns %s', captured.virtual_columns);
    advice := 'Make them stored generated columns.';
  elsif captured.relkind = 'p' and 'update' = any (operations) and operations && '{insert,delete}' and not operations @> '{insert,delete}' then
    reason := 'an update that moves a row to another partition is a delete and an insert to triggers';
    advice := 'Capture update alone, which makes one event of it; or insert, update and delete, which makes two.';
  end if;
  if reason is not null then
    raise exception 'cannot capture the changes of %: %', table_name, reason
      using errcode = 'feature_not_supported', hint = advice;
  end if;
end
$$;
comment on function postrider_internal.check_capture(regclass, text[]) is
  'Raises an error with the reason if the changes of a table cannot be captured completely, or the caller may not capture them.';
