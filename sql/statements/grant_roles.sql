-- Creates the five roles if the caller may, and grants each its privileges.
-- Locks: the advisory lock of migrations; a grant does not wait for sessions that use the table.
select role_name, outcome from postrider.grant_roles();
