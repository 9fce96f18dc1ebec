-- Resumes an endpoint that was paused: what waited is sent.
-- $1 endpoint
select postrider.resume_endpoint($1::uuid);
