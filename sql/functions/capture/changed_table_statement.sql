-- grant: execute to publisher
--
-- Rows come as text: that keeps every value, and a row that is not there needs no type.

create or replace function postrider_internal.changed_table_statement(
  former_relid oid, relid oid, trigger_name name, arguments text[], table_name text, columns json
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A partition's trigger is a copy of its table's, and has the same name.
  captured constant regclass := coalesce(
    (select t.tgrelid from pg_partition_ancestors(relid) a join pg_trigger t on t.tgrelid = a.relid
     where t.tgname = trigger_name and t.tgparentid = 0), relid);
  as_captured text;
begin
  -- The column that has the name now comes first, because names are exchanged to replace a column. Then the one that had
  -- it when the table was captured. If that was dropped, it is null.
  select string_agg(format('%s as %I', coalesce('(change.row).' || quote_ident(c.present_name), 'null::' || c.type), c.name), ', ')
  into as_captured
  from (
    select recorded.name, recorded.type, coalesce(same.attname, renamed.attname) as present_name
    from json_to_recordset(columns) as recorded (name text, number smallint, type text)
    left join pg_attribute same on same.attrelid = captured and same.attname = recorded.name and same.attnum > 0 and not same.attisdropped
    left join pg_attribute renamed on renamed.attrelid = captured and renamed.attnum = recorded.number and not renamed.attisdropped
    union all
    select a.attname, null, a.attname
    from pg_attribute a
    where a.attrelid = captured and a.attnum > 0 and not a.attisdropped
      and not exists (select from json_to_recordset(columns) as recorded (name text) where recorded.name = a.attname)) c;
  return concat('insert into postrider.outbox (event_type, payload, ordering_key, tenant)
    select $1, coalesce(event.payload, ''null''), event.ordering_key, coalesce(event.tenant, '''')
    from (', postrider_internal.event_query(table_name, nullif(arguments[1], ''), nullif(arguments[2], ''),
      nullif(arguments[3], ''), nullif(arguments[4], ''), 'former.row', 'present.row', format(
      'from (select $4, $5) as call (operation, is_judged),
        (select $2::%4$s::%2$s) as former (row), (select $3::%1$s::%2$s) as present (row),
        lateral (select %3$s from (select former.row) as change (row)) as old,
        lateral (select %3$s from (select present.row) as change (row)) as new
      where true', relid::regclass, captured, as_captured, former_relid::regclass)),
    ') as event (payload, ordering_key, tenant)');
end
$$;
comment on function postrider_internal.changed_table_statement(oid, oid, name, text[], text, json) is
  'The statement that makes the event of a captured row if columns that the capture names were renamed or dropped since, or the row has moved from another partition. It is planned for every row.';
