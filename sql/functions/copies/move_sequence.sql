create or replace function postrider_internal.move_sequence(table_name text, column_name text, largest bigint, gap integer) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  sequence constant text := pg_get_serial_sequence(table_name, column_name);
  last_value bigint;
begin
  execute format('select s.last_value from %s s', sequence) into last_value;
  if largest >= last_value then
    perform setval(sequence::regclass, largest + gap);
  end if;
end
$$;
comment on function postrider_internal.move_sequence(text, text, bigint, integer) is
  'Moves the sequence of a column beyond the largest value, unless it is there already: logical replication leaves sequences at their beginning.';
