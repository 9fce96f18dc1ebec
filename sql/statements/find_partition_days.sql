-- How many days after today have their partitions.
-- Of the partitions that the events of a day need, that of other_attempt is made last.
select count(*)::integer as days_ahead
from pg_catalog.pg_inherits i
join pg_catalog.pg_class p on p.oid = i.inhrelid
where i.inhparent = 'postrider.other_attempt'::regclass and p.relname ~ '^other_attempt_[0-9]{8}$'
  and p.relname > 'other_attempt_' || to_char(now() at time zone 'UTC', 'YYYYMMDD');
