-- grant: execute to publisher

create or replace function postrider_internal.refuse_captured_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot truncate %: its deletes are captured as events of the type %', tg_relid::regclass, tg_argv[0]
    using errcode = 'object_not_in_prerequisite_state',
      detail = 'A truncate does not say which rows it removes, so they would have no events.',
      hint = format('Delete the rows instead, or first: select postrider.uncapture(%L, %L).', tg_relid::regclass, tg_argv[0]);
end
$$;
comment on function postrider_internal.refuse_captured_truncate() is 'Refuses to truncate a table whose deletes are captured.';
