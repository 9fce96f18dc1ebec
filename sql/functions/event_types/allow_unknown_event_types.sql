-- grant: execute to operator

create or replace function postrider.allow_unknown_event_types(reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.set_unknown_types('allowed', 'allow_unknown_event_types', reason);
end
$$;
comment on function postrider.allow_unknown_event_types(text) is
  'Lets events of types that are not in the catalogue be inserted. Use it to undo refuse_unknown_event_types(); this is how a new database starts.';
