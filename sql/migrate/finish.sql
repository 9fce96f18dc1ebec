-- The end of every migration: the roles get their grants, and a new schema gets its first partitions.

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
  -- Daemons make the later ones.
  if not exists (select from pg_inherits i where i.inhparent = 'postrider.outbox'::regclass offset 1) then
    while exists (select from postrider_internal.make_partitions() m where m.outcome = 'made') loop
    end loop;
  end if;
end
$finish$;
