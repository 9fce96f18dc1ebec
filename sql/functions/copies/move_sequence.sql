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
  'Lets the sequence of a column go on behind the largest value there is, where it has not come so far: a logical copy leaves sequences at their beginning.';
