-- Cancels a replay: what was not sent gets its former state back.
-- $1 replay
select postrider_internal.portal_cancel_replay($1::uuid);
