-- Switches sending on or off, for all daemons.
-- $1 on, $2 reason
update postrider.sending set is_on = $1::boolean, reason = $2::text;
