-- The roles, of the four, that have no privileges yet: they are missing, or were created after the last migration.
select r.name as role_name
from unnest(array['postrider_publisher', 'postrider_reader', 'postrider_operator', 'postrider_daemon', 'postrider_portal']) r (name)
where case when to_regrole(r.name) is not null then not has_schema_privilege(r.name, 'postrider', 'usage') else true end;
