-- Ends a run of an ingest.
-- $1 ingest, $2 run
select postrider_internal.close_ingest($1::text, $2::uuid);
