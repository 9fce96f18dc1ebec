create or replace function postrider_internal.outbox_wake() returns trigger
language plpgsql volatile
as $$
begin
  perform postrider_internal.wake_daemons();
  return null;
end
$$;
comment on function postrider_internal.outbox_wake() is 'Wakes the daemons after a statement has inserted events.';

create or replace trigger outbox_wake after insert on postrider.outbox
  for each statement execute function postrider_internal.outbox_wake();
comment on trigger outbox_wake on postrider.outbox is 'Wakes the daemons, if they sleep.';
