-- grant: execute to publisher

-- Some ORMs write null for every column that the application did not set. Postgres would refuse it too, and show the row.
-- An id cannot be filled in here, because its partition has been chosen by now.
create or replace function postrider_internal.refuse_null_in_event(column_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot insert an event whose % is null', column_name
    using errcode = 'not_null_violation', schema = 'postrider', table = 'outbox', column = column_name,
      hint = format('Leave %s out of the insert, or write default in its place; Postgres fills it in.', column_name);
end
$$;
comment on function postrider_internal.refuse_null_in_event(text) is
  'Refuses an event that has null in a column which Postgres fills in, without showing the row.';
