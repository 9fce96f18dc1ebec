-- Appends what a daemon counted in one minute.
-- $1 daemon, $2 the id of this part, $3 the beginning of the minute in Unix ms, $4 a list of rows of endpoint_minute_part,
-- $5 a row of daemon_minute, or null; both as JSON
-- Locks: none that anything waits for. A repeat adds nothing.
select postrider_internal.append_minutes($1::uuid, $2::uuid, $3::double precision, $4::json, $5::json);
