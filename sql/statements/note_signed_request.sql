-- Notes in the audit that somebody was given a signed request.
-- $1 event, $2 endpoint
select postrider_internal.note_signed_request($1::uuid, $2::uuid);
