-- Which rows that daemons cannot work without are gone, and how each is made again.
select m.found, m.remedy from postrider_internal.missing_rows() m;
