-- Changes settings of an endpoint; those that are left out stay.
-- $1 endpoint, $2 the settings, $3 only if this is its revision
select from postrider_internal.portal_change_endpoint($1::uuid, $2::jsonb, $3::bigint) changed where changed;
