-- Resumes an endpoint that was paused, or disabled for its failures.
-- $1 endpoint
select postrider_internal.portal_resume_endpoint($1::uuid);
