-- grant: execute to publisher
--
-- Without a setting and without the owner's rights, because the statement has the expressions of a capture, which run with
-- the settings and rights of its trigger's function. So every name is in full.

create or replace function postrider_internal.insert_changed_event(
  statement text, event_type text, table_name text, former_relid oid, relid oid, former text, present text, operation text,
  is_judged boolean
) returns void
language plpgsql volatile
as $$
declare
  problem text;
  change json;
begin
  begin
    -- Planned and not run: an error here comes from the table's new form, not from a value.
    execute pg_catalog.concat('explain ', statement) using event_type, former, present, operation, is_judged;
  exception
    when insufficient_privilege then
      raise;
    when others then
      get stacked diagnostics problem = message_text;
  end;
  if problem is null then
    execute statement using event_type, former, present, operation, is_judged;
    return;
  end if;
  execute pg_catalog.format('select postrider_internal.row_change($1, $2, pg_catalog.to_json($3::%s), pg_catalog.to_json($4::%s))',
    former_relid::pg_catalog.regclass, relid::pg_catalog.regclass)
  into change using operation, table_name, former, present;
  perform postrider_internal.note_failed_capture(event_type, relid, change, problem);
  -- Once a transaction, which may change a million rows.
  if coalesce(pg_catalog.current_setting('postrider.warned_of', true), '') operator(pg_catalog.=) event_type then
    return;
  end if;
  perform pg_catalog.set_config('postrider.warned_of', event_type, true);
  raise warning 'no event % is made of changes of %: %', event_type, relid::pg_catalog.regclass, problem
    using hint = 'An expression of the capture does not fit the table any more. Capture the table again. Each change is kept in an event postrider.capture.failed.';
end
$$;
comment on function postrider_internal.insert_changed_event(text, text, text, oid, oid, text, text, text, boolean) is
  'Inserts the event of a captured row whose table has changed, by the statement of changed_table_statement(). If that cannot be planned any more, because an expression does not fit the columns, an event postrider.capture.failed takes its place.';
