-- Makes a new secret, shown this once. Both sign until the overlap ends.
-- $1 endpoint, $2 overlap
select postrider.rotate_secret($1::uuid, coalesce($2::interval, '24 hours')) as secret;
