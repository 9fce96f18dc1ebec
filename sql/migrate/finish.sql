-- The end of every migration: the roles get their grants, ids are made by the server if it can, and a new schema gets its
-- first partitions.

do $finish$
declare
  missing text;
begin
  select string_agg(format('create role %s nologin', r.role_name), '; ') into missing
  from postrider.grant_roles() r
  where r.outcome = 'missing';
  if missing is not null then
    raise warning 'roles of Postrider are missing, and % may not create them', current_user
      using hint = format('A DBA runs: %s. Then the owner of the schema runs: select role_name, outcome from postrider.grant_roles().', missing);
  end if;
  -- uuidv7() is in C, and saves 3 us an insert. Only the migration after an upgrade of the server finds a difference here,
  -- and locks the outbox for it.
  if to_regprocedure('pg_catalog.uuidv7()') is not null and exists (
    select from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where d.adrelid = 'postrider.outbox'::regclass and a.attname = 'id'
      and pg_get_expr(d.adbin, d.adrelid) !~ '^(pg_catalog[.])?uuidv7[(][)]$')
  then
    alter table postrider.outbox alter column id set default pg_catalog.uuidv7();
  end if;
  -- Daemons make the later ones.
  if not exists (select from pg_inherits i where i.inhparent = 'postrider.outbox'::regclass offset 1) then
    while exists (select from postrider_internal.make_partitions() m where m.outcome = 'made') loop
    end loop;
  end if;
end
$finish$;
