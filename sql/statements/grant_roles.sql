-- Makes the four roles where the caller may, and grants each what it is to have.
-- Locks: the advisory lock of migrations; grants do not wait for those who use a table.
select role_name, outcome from postrider.grant_roles();
