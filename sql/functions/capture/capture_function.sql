-- grant: execute to publisher

create or replace function postrider_internal.capture_function(
  event_type text, table_name text, event_function text, judged text[], unjudged text[], columns json,
  moved_setting text
) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  -- A trigger has one operation, and only its statement is planned: a row that is not there has no type. What is a
  -- constant here is not read from tg_argv, which would be made for each row, in 1 us.
  select concat(E'\ndeclare\n  made record;', case when moved_setting is null then E'\nbegin' else format($moved$
  moved_setting constant text := pg_catalog.concat(%1$L, '_', pg_catalog.pg_trigger_depth());
  former_table oid;
begin
  if tg_op = 'DELETE' then
    perform pg_catalog.set_config(moved_setting, tg_relid || ' ' || old::text, true);
    return null;
  elsif tg_op = 'INSERT' then
    former_table := pg_catalog.split_part(pg_catalog.current_setting(moved_setting), ' ', 1);
    perform postrider_internal.insert_changed_event(
      postrider_internal.changed_table_statement(former_table, tg_relid, tg_name, tg_argv, %2$L, %3$L),
      tg_argv[0], %2$L, former_table, tg_relid, pg_catalog.regexp_replace(pg_catalog.current_setting(moved_setting), '^[0-9]+ ', ''),
      new::text, 'update', false);
    perform pg_catalog.set_config(moved_setting, '', true);
    return null;
  end if;$moved$, moved_setting, table_name, columns) end, string_agg(format($operation$
  if tg_op = %1$L and postrider_internal.is_as_captured(%2$s, tg_relid, %3$L, %4$L) then%5$s
    return null;
  end if;$operation$, o.tg_op, o.present_row, array(select c ->> 'name' from json_array_elements(columns) c),
    event_function, case when o.name = any (judged) then format($insert$
    insert into postrider.outbox (event_type, payload, ordering_key, tenant)
    select %1$L, coalesce(event.payload, 'null'), event.ordering_key, coalesce(event.tenant, '')
    from %2$s(%3$s, %4$L, tg_relid, true) as event;$insert$, event_type, event_function, o.both_rows, o.name)
      -- To begin an insert takes 4 us, which a row that does not meet the condition need not pay.
      else format($judge$
    select event.payload, event.ordering_key, event.tenant into made from %2$s(%3$s, %4$L, tg_relid, false) as event;
    if found then
      insert into postrider.outbox (event_type, payload, ordering_key, tenant)
      values (%1$L, coalesce(made.payload, 'null'), made.ordering_key, coalesce(made.tenant, ''));
    end if;$judge$, event_type, event_function, o.both_rows, o.name) end), '' order by o.name), format($changed$
  perform postrider_internal.insert_changed_event(
    postrider_internal.changed_table_statement(tg_relid, tg_relid, tg_name, tg_argv, %1$L, %2$L),
    tg_argv[0], %1$L, tg_relid, tg_relid, old::text, new::text, lower(tg_op collate "C"), tg_argv[5] = 'when');
  return null;
end
$changed$, table_name, columns))
  from (values ('insert', 'INSERT', 'new', 'null, new'), ('update', 'UPDATE', 'new', 'old, new'),
         ('delete', 'DELETE', 'old', 'old, null')) o (name, tg_op, present_row, both_rows)
  where o.name = any (judged || unjudged)
$$;
comment on function postrider_internal.capture_function(text, text, text, text[], text[], json, text) is
  'The body of the trigger function of a capture. Of the operations, Postgres has judged the condition of some. If there is a setting for it, a row that leaves one partition and arrives in another is one update.';
