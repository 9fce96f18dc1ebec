-- What the days take on the disk: all of them, and the largest that is over; the oldest day that is kept, and the day
-- before which retention removes them, both in UTC; and the default partitions that hold something.
with kept as (
  select d.part, substring(d.part from '_([0-9]{8})$') as day, sum(d.bytes) over (partition by substring(d.part from '_([0-9]{8})$')) as day_bytes,
         d.bytes, d.row_bytes
  from (
    select p.relname::text as part, pg_catalog.pg_total_relation_size(p.oid) as bytes, pg_catalog.pg_relation_size(p.oid) as row_bytes
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhparent
    join pg_catalog.pg_class p on p.oid = i.inhrelid
    where c.relnamespace = 'postrider'::regnamespace and c.relkind = 'p') d
)
select coalesce(sum(k.bytes), 0)::double precision as bytes,
       coalesce(max(k.day_bytes) filter (where k.day < to_char(now() at time zone 'UTC', 'YYYYMMDD')), 0)::double precision as day_bytes,
       min(k.day) filter (where k.row_bytes > 0)::text as oldest_day,
       to_char((now() - coalesce((select r.period from postrider.retention r), interval '30 days')) at time zone 'UTC', 'YYYYMMDD')::text as removed_before,
       (extract(epoch from coalesce((select r.period from postrider.retention r), interval '30 days')) / 86400)::double precision as days,
       coalesce(array_agg(k.part order by k.part) filter (where k.day is null and k.row_bytes > 0), '{}')::text[] as stray
from kept k;
