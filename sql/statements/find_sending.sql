-- Who has switched sending on or off, and why.
-- Index: the primary key of a table of one row.
select postrider_internal.readable(s.reason) as reason, postrider_internal.readable(s.changed_by) as changed_by
from postrider.sending s
where s.is_row;
