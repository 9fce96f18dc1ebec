-- grant: execute to publisher

create or replace function postrider_internal.notify_daemons() returns void
language plpgsql volatile
as $$
begin
  if not postrider_internal.is_wake_off()
    -- If the queue is full, transactions that notify fail at commit. Polling finds the events anyway.
    and pg_catalog.pg_notification_queue_usage() < 0.5
  then
    perform pg_catalog.pg_notify('postrider', '');
  end if;
end
$$;
comment on function postrider_internal.notify_daemons() is
  'Notifies the daemons, asleep or not. For the actions of operators, which are rare: a daemon that is awake but idle, because a writer''s transaction is open, would only find the change with its next poll.';
