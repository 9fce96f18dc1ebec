-- Cancels a replay: what was not sent gets its former state back.
-- $1 replay, $2 reason
select postrider.cancel_replay($1::uuid, $2::text);
