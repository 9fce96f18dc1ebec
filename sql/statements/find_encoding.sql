-- The encoding of the database. Needs no schema.
select getdatabaseencoding()::text as encoding;
