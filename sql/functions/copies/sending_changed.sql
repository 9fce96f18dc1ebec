create or replace function postrider_internal.sending_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  untold constant text[] := '{is_row,changed_at,changed_by,home_since}';
begin
  insert into postrider.audit (action, before, after)
  values (lower(tg_op collate "C") || ' sending',
          case when tg_op <> 'INSERT' then to_jsonb(old) - untold end,
          case when tg_op <> 'DELETE' then to_jsonb(new) - untold end);
  perform postrider_internal.notify_daemons('operator');
  return null;
end
$$;
comment on function postrider_internal.sending_changed() is
  'Notes in the audit that sending was switched, or that the guard or the home was changed, and tells the daemons.';

-- The first daemon's record of where it works is not a change.
create or replace trigger sending_changed after update on postrider.sending
  for each row when ((new.is_on, new.reason, new.is_guarded) is distinct from (old.is_on, old.reason, old.is_guarded)
    or old.database_oid is not null
      and (new.system_identifier, new.database_oid) is distinct from (old.system_identifier, old.database_oid))
  execute function postrider_internal.sending_changed();
comment on trigger sending_changed on postrider.sending is 'Notes the change in the audit, and tells the daemons.';

create or replace trigger sending_replaced after insert or delete on postrider.sending
  for each row execute function postrider_internal.sending_changed();
comment on trigger sending_replaced on postrider.sending is 'Notes in the audit that the row was deleted or inserted, and tells the daemons.';
