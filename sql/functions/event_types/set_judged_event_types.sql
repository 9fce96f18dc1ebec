create or replace function postrider_internal.set_judged_event_types() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Beyond that, reading the catalogue is quicker than searching the list.
  listed_max constant integer := 100;
  listed text[];
  body text;
begin
  -- Edits wait for each other earlier. Replicated changes and their repair do not.
  perform pg_advisory_xact_lock(1886352244, 5);
  select array_agg(t.name order by t.name) into listed
  from (select e.name from postrider.event_type e where e.enforce limit listed_max + 1) t;
  if cardinality(listed) > listed_max or exists (select from postrider.event_type_policy p where p.unknown_types = 'refused') then
    body := 'select null::pg_catalog.text[]';
  else
    body := format('select %L::pg_catalog.text[]', coalesce(listed, '{}'));
  end if;
  if body is distinct from (select p.prosrc from pg_proc p where p.oid = 'postrider_internal.judged_event_types()'::regprocedure) then
    execute format('create or replace function postrider_internal.judged_event_types() returns text[] language sql stable as %L', body);
  end if;
end
$$;
comment on function postrider_internal.set_judged_event_types() is
  'Rewrites the function that tells an insert which definitions to look at, if it differs from the catalogue.';
