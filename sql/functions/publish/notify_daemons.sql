-- grant: execute to publisher

create or replace function postrider_internal.notify_daemons() returns void
language plpgsql volatile
as $$
begin
  if not postrider_internal.is_wake_off()
    -- a full queue makes the transactions that notify fail at their commit; polling finds what there is all the same
    and pg_catalog.pg_notification_queue_usage() < 0.5
  then
    perform pg_catalog.pg_notify('postrider', '');
  end if;
end
$$;
comment on function postrider_internal.notify_daemons() is
  'Notifies the daemons, asleep or not. For what operators do, which is rare: a daemon that is awake but idle, since a writer''s transaction is open, would find it with its next poll only.';
