create or replace function postrider_internal.refuse_if_unknown(event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if left(event_type, 10) <> 'postrider.'
    and exists (select from postrider.event_type_policy p where p.unknown_types = 'refused')
    and not exists (select from postrider.event_type t where t.name = refuse_if_unknown.event_type)
  then
    perform postrider_internal.refuse_unknown_type(event_type);
  end if;
end
$$;
comment on function postrider_internal.refuse_if_unknown(text) is
  'Refuses an event type that is not in the catalogue, if unknown types are refused.';
