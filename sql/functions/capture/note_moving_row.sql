-- grant: execute to publisher

create or replace function postrider_internal.note_moving_row() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config(concat(tg_argv[5], '_', pg_trigger_depth()), concat(tg_relid, old.ctid), true);
  return new;
end
$$;
comment on function postrider_internal.note_moving_row() is
  'Notes which row is being updated: if it is deleted next, it moves to another partition.';
