-- The log files that are followed, and how far.
select i.name, i.role_name, i.path, i.byte_offset, i.line_number, i.lines, i.events, i.unmatched, i.refused, i.created_at, i.updated_at
from postrider.ingest i
order by i.name
limit 1000;
