create or replace function postrider_internal.sending_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.is_on, new.reason) is distinct from (old.is_on, old.reason) then
    new.changed_at := clock_timestamp();
    new.changed_by := session_user;
    if new.is_on then
      new.reason := null;
    end if;
  end if;
  -- A home that was recorded with a guard means nothing without it: with the same oid, 16384 in most fresh clusters, a
  -- copy in another cluster would start to work with its next beat, without having been adopted.
  if new.is_guarded <> old.is_guarded then
    new.system_identifier := null;
    new.database_oid := null;
    new.home_since := null;
  end if;
  return new;
end
$$;
comment on function postrider_internal.sending_changing() is
  'Notes when and by whom sending was switched, and forgets the home if the guard is changed.';

create or replace trigger sending_changing before update on postrider.sending
  for each row when ((new.is_on, new.reason, new.is_guarded) is distinct from (old.is_on, old.reason, old.is_guarded))
  execute function postrider_internal.sending_changing();
comment on trigger sending_changing on postrider.sending is 'Keeps changed_at and changed_by, and forgets the home if the guard is changed.';
