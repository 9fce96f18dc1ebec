-- Takes the pairs out of finished claims that must stay because they are the cursor.
-- $1 daemon, $2 claims
select postrider_internal.empty_claims($1::uuid, $2::bigint[]);
