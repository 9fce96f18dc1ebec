-- Whose token this is, and what it may do.
select t.tenant, t.subject, t.capabilities, t.expires_at from postrider_internal.present_portal_token() t;
