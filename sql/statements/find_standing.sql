-- Whether daemons may send from this database, and why not.
select s.is_on, postrider_internal.readable(s.reason) as reason, postrider_internal.readable(s.changed_by) as changed_by,
       s.is_guarded, postrider.copy_problem() as copy_problem
from (select) one
left join postrider.sending s on s.is_row;
