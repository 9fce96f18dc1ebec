-- grant: execute to operator

create or replace function postrider.refuse_unknown_event_types(reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.set_unknown_types('refused', 'refuse_unknown_event_types', reason);
end
$$;
comment on function postrider.refuse_unknown_event_types(text) is
  'Makes inserts fail, from their next statement on, if their event type is not in the catalogue. Use it to catch misspelt types, after you have defined all types in use: sql/recipes/undefined_event_types.sql lists those that are missing.';
