-- Which of the four roles nobody has granted anything yet: those that are missing, and those made since the last migration.
select r.name as role_name
from unnest(array['postrider_publisher', 'postrider_reader', 'postrider_operator', 'postrider_daemon']) r (name)
where case when to_regrole(r.name) is not null then not has_schema_privilege(r.name, 'postrider', 'usage') else true end;
