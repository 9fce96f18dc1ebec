-- grant: execute to publisher

create or replace function postrider.capture(
  table_name regclass,
  event_type text,
  operations text[] default '{insert,update,delete}',
  condition text default null,
  payload text default null,
  ordering_key text default null,
  tenant text default null
) returns void
language sql volatile
as $$
  -- Not pinned: the expressions are written for the caller's search_path, which is known only here.
  select postrider_internal.make_capture(table_name, event_type, operations, condition, payload, ordering_key, tenant,
    pg_catalog.current_schemas(false))
$$;
comment on function postrider.capture(regclass, text, text[], text, text, text, text) is
  'Makes changes of a table''s rows into events of that type, in the transaction that changes them. Use it if the event is that a row changed. condition, payload, ordering_key and tenant are SQL expressions over old and new; an insert has no old row, and a delete no new one. Capturing the same type again replaces the former capture. For the owner of the table, who must be a publisher.';
