-- A daemon's heartbeat: renews its lease on everything it has claimed. Returns where this server listens, too, which is
-- another place than the daemon's connections lead to if there is a pooler; no address if this session came over a Unix socket.
-- $1 daemon, $2 host, $3 pid, $4 version, $5 lease in ms, $6 requests in flight, $7 first attempts waiting,
-- $8 condition, $9 for how many ms, $10 why; both null when it is well; $11 whether it has a lease, which may have run out,
-- $12 ids of its encryption keys, $13 the URL of its listener, null if receivers cannot reach it
select postrider_internal.beat($1::uuid, $2::text, $3::integer, $4::text, $5::integer, $6::integer, $7::integer, $8::text, $9::integer, $10::text,
  $11::boolean, $12::text[], $13::text) as is_held, extract(epoch from clock_timestamp())::double precision * 1000 as server_ms,
  host(inet_server_addr()) as server_address, coalesce(inet_server_port(), current_setting('port')::integer) as server_port;
