-- Daemons that are alive and could not open what this encryption key seals.
-- $1 the id of the key
select w.daemon_id, w.host, w.pid from postrider_internal.daemons_without_key($1::text) w;
