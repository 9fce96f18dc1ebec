create or replace function postrider_internal.ingest_lock_key(name text) returns bigint
language sql immutable
return hashtextextended('postrider.ingest ' || name, 0);
comment on function postrider_internal.ingest_lock_key(text) is 'The key of the advisory lock that the session of an ingest holds.';
