-- grant: execute to publisher
--
-- To triggers, an update that moves a row to another partition is a "before update", an "after delete" and an "after
-- insert". Postgres judges their conditions at once, row by row, and runs what comes after the rows in the same order. So
-- a setting of the transaction says which row is being updated, and the conditions carry it on: a delete of just that
-- row is one that leaves, and the next insert arrives. Then the function has the row that left, to which it adds the
-- one that arrived.
--
-- Triggers of a kind run in the order of their names, so the one that notes the row has a late one. A trigger before it may
-- keep a row from being updated, which must not be noted, or update other rows of the table, which would be noted instead.
-- Triggers that run between the three may change other rows of the table, too. They are a level deeper in triggers, and
-- each level has a setting of its own. To a trigger's function the level is one deeper than to its condition.
--
-- Settings can be forged. So a role that may not update the table cannot make a row arrive.

create or replace function postrider_internal.capture_moves(
  table_name regclass, trigger_words text, arguments text, trigger_function text, moving_setting text
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  setting constant text := format('concat(%L, pg_trigger_depth() + 1)', moving_setting || '_');
begin
  execute format('create trigger %I before update on %s for each row execute function postrider_internal.note_moving_row(%s, %L)',
    'zz_postrider_move_' || trigger_words, table_name, arguments, moving_setting);
  execute format('create trigger %I after delete on %s for each row when (
      case when current_setting(%s, true) = concat(old.tableoid, old.ctid) then set_config(%3$s, ''left'', true) is not null end)
    execute function %s(%s, ''function'')',
    'postrider_leave_' || trigger_words, table_name, setting, trigger_function, arguments);
  execute format('create trigger %1$I after insert on %2$s for each row when (
      case when current_setting(%3$s, true) = ''left'' then
        case when has_any_column_privilege(%2$L::regclass, ''update'') or has_any_column_privilege(new.tableoid, ''update'')
          then set_config(%3$s, '''', true) is not null
          else concat(''may not update the captured table, so cannot move a row to partition '', new.tableoid)::boolean end end)
    execute function %4$s(%5$s, ''function'')',
    'postrider_arrive_' || trigger_words, table_name, setting, trigger_function, arguments);
end
$$;
comment on function postrider_internal.capture_moves(regclass, text, text, text, text) is
  'Creates the triggers by which an update that moves a row to another partition makes one event. Acts with the rights of its caller.';
