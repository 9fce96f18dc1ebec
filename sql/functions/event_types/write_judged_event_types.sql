create or replace function postrider_internal.write_judged_event_types() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.set_judged_event_types();
  return null;
end
$$;
comment on function postrider_internal.write_judged_event_types() is 'Makes inserts obey an edit of the catalogue.';

create or replace trigger event_type_judged after insert or update or delete on postrider.event_type
  for each row execute function postrider_internal.write_judged_event_types();
comment on trigger event_type_judged on postrider.event_type is 'Tells inserts which definitions to look at.';

create or replace trigger event_type_policy_judged after insert or update of unknown_types or delete on postrider.event_type_policy
  for each row execute function postrider_internal.write_judged_event_types();
comment on trigger event_type_policy_judged on postrider.event_type_policy is 'Tells inserts whether to look at each type.';

-- Enabled ALWAYS, so that they also fire in a copy that replication fills; otherwise nothing would be enforced there,
-- without notice. Row triggers, because replication fires no others.
alter table postrider.event_type enable always trigger event_type_judged;
alter table postrider.event_type_policy enable always trigger event_type_policy_judged;
