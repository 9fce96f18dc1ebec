-- Whether the payload of an event may be fetched with a token of an endpoint, and what such tokens are signed with.
-- $1 endpoint, $2 event
select is_disabled, is_there, secrets, secret_kinds from postrider_internal.find_payload($1::uuid, $2::uuid);
