-- Makes a new secret, shown this once. Both sign until the overlap ends.
-- $1 endpoint, $2 overlap
select postrider_internal.portal_rotate_secret($1::uuid, $2::interval) as secret;
