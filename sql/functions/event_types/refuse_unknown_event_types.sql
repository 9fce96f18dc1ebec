-- grant: execute to operator

create or replace function postrider.refuse_unknown_event_types(reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_unknown_types('refused', 'refuse_unknown_event_types', reason);
end
$$;
comment on function postrider.refuse_unknown_event_types(text) is 'From their next statement on inserts fail whose event type is not in the catalogue. Define the types first.';
