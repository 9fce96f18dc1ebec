-- Replication slots, and how much WAL each keeps on the disk of the server, the most first. Needs no schema.
select s.slot_name::text as slot, s.active as is_active,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::double precision as held_bytes
from pg_catalog.pg_replication_slots s
where s.restart_lsn is not null and not s.temporary
order by 3 desc
limit 100;
