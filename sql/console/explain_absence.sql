-- Why there may be no event with this id: when it was made, how long events are kept, and how many transactions are open that
-- may still insert it. Whoever has written anything holds a lock of its own transaction id.
-- $1 event
select exists (select from postrider.outbox o where o.id = $1::uuid) as is_there,
       postrider.uuid_v7_time($1) as made_at, r.period as retention,
       coalesce(postrider.uuid_v7_time($1) < now() - r.period, false) as is_past_retention,
       coalesce(postrider.uuid_v7_time($1) > now() + interval '1 minute', false) as is_from_future,
       (select count(*)
        from pg_catalog.pg_locks l
        left join pg_catalog.pg_stat_activity a on a.pid = l.pid
        left join pg_catalog.pg_prepared_xacts p on l.pid is null and p.transaction = l.transactionid
        where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
          and coalesce(a.datname, p.database) = current_database())::integer as open_transactions
from (select coalesce((select t.period from postrider.retention t), interval '30 days')) r (period);
