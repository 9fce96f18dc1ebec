create or replace function postrider_internal.refuse_null() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Where Postgres refuses a null, the error shows the rest of the row, and the server's log keeps it. A domain could refuse
-- it too, but jsonb_populate_record() would then refuse every row that lacks the column.
declare
  missing text;
begin
  -- Looked up by name, a few: reading all columns of the table takes a page for each.
  select a.attname into missing
  from jsonb_each(to_jsonb(new)) g
  cross join lateral (
    select c.attname, c.attnum, c.attnotnull, c.attgenerated
    from pg_attribute c
    where c.attrelid = tg_relid and c.attname = g.key::name
    offset 0) a
  where g.value = 'null' and a.attnotnull and a.attgenerated = ''
  order by a.attnum
  limit 1;
  if found then
    raise exception 'null value in column "%" of relation "%" violates not-null constraint', missing, tg_table_name
      using errcode = 'not_null_violation', schema = tg_table_schema, table = tg_table_name, column = missing;
  end if;
  return new;
end
$$;
comment on function postrider_internal.refuse_null() is
  'Refuses a null in a column that must have a value, without showing the row: it may hold secrets.';

create or replace trigger endpoint_nulls before insert or update on postrider.endpoint
  for each row execute function postrider_internal.refuse_null();
comment on trigger endpoint_nulls on postrider.endpoint is 'Refuses nulls without showing the row.';

create or replace trigger endpoint_secret_nulls before insert or update on postrider.endpoint_secret
  for each row execute function postrider_internal.refuse_null();
comment on trigger endpoint_secret_nulls on postrider.endpoint_secret is 'Refuses nulls without showing the row.';
