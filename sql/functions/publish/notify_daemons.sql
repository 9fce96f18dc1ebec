-- grant: execute to publisher
--
-- Part of an insert, with the inserter's rights and search_path, so every name and operator is in full.

create or replace function postrider_internal.notify_daemons(payload text default '') returns void
language plpgsql volatile
as $$
begin
  if not postrider_internal.is_wake_off()
    -- If the queue is full, transactions that notify fail at commit. Polling finds the events anyway.
    and pg_catalog.pg_notification_queue_usage() operator(pg_catalog.<) 0.5
  then
    perform pg_catalog.pg_notify('postrider', notify_daemons.payload);
  end if;
end
$$;
comment on function postrider_internal.notify_daemons(text) is
  'Notifies the daemons, asleep or not. An empty payload announces new events. Any other one is for the actions of operators, which are rare, and makes daemons look for everything: one that is awake would only find the change with its next poll.';
