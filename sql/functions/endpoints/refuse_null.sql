create or replace function postrider_internal.refuse_null() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Where Postgres refuses a null, the error shows the rest of the row, and the server's log keeps it. A domain could refuse
-- it too, but jsonb_populate_record() would then refuse every row that lacks the column.
declare
  given constant jsonb := to_jsonb(new);
  missing text;
begin
  select a.attname into missing
  from pg_attribute a
  where a.attrelid = tg_relid and a.attnum > 0 and a.attnotnull and a.attgenerated = '' and given -> a.attname = 'null'
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
