-- Who has switched sending on or off, and why.
-- Index: the primary key of a table of one row.
select s.reason, s.changed_by
from postrider.sending s
where s.is_row;
