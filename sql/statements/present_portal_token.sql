-- Whose request of the portal it is, and what it may do: the token that act_for_portal has set.
select t.tenant, t.subject, t.capabilities from postrider_internal.present_portal_token() t;
