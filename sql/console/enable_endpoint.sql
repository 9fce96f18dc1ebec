-- Enables an endpoint that was disabled.
-- $1 endpoint
select postrider.enable_endpoint($1::uuid);
