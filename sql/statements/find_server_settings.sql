-- Settings of the server on which it depends that committed events survive and tables stay small, as a new session of
-- this role has them. Needs no schema.
select s.name::text as name, coalesce(s.reset_val, '')::text as value
from pg_catalog.pg_settings s
where s.name in ('TimeZone', 'autovacuum', 'track_counts', 'fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'max_slot_wal_keep_size');
