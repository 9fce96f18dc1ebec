-- grant: execute to operator

-- What `postrider apply` calls, in a transaction that it rolls back if there is a fault or if it only had to look. So a dry
-- run does the same work, and Postgres judges it.

create or replace function postrider_internal.apply_file(declared jsonb)
returns table (place text[], part text, before jsonb, after jsonb, note text, problem text, advice text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  post constant integer := 1886352244;
  -- Nothing is locked yet by one that waits for its turn.
  turn_wait constant text := '25s';
  lock_wait constant text := '5s';
  declared_types constant jsonb := coalesce(declared -> 'event_types', '[]');
  declared_endpoints constant jsonb := coalesce(declared -> 'endpoints', '[]');
  unknown_types constant text := declared ->> 'unknown_event_types';
  defaults constant jsonb := postrider_internal.endpoint_defaults();
  entry record;
  detail text;
  is_faulty boolean;
begin
  -- Files are applied one after the other. All locks are taken before anything is compared: first that of the catalogue,
  -- then those of the endpoints, in the order of their ids.
  perform set_config('lock_timeout', turn_wait, true);
  perform pg_advisory_xact_lock(post, 6);
  perform set_config('lock_timeout', lock_wait, true);
  if unknown_types is not null or declared_types <> '[]' then
    perform from postrider.event_type_policy p for update;
  end if;
  perform from postrider.endpoint e
  where (e.tenant, e.name) in (
    select coalesce(d.entry ->> 'tenant', ''), d.entry ->> 'name' from jsonb_array_elements(declared_endpoints) d (entry))
  order by e.id
  for update;

  for entry in
    select array['event_types', (d.number - 1)::text] as place, d.value, null::text as fixed
    from jsonb_array_elements(declared_types) with ordinality d (value, number)
    union all
    select '{unknown_event_types}', null, unknown_types where unknown_types is not null
    union all
    select array['endpoints', (d.number - 1)::text], d.value, null
    from jsonb_array_elements(declared_endpoints) with ordinality d (value, number)
  loop
    -- In the place of an entry that the command has refused there is a null.
    continue when entry.fixed is null and jsonb_typeof(entry.value) <> 'object';
    if entry.place[1] = 'endpoints' then
      is_faulty := false;
      for place, problem, advice in
        select entry.place || f.place, f.problem, f.advice from postrider_internal.endpoint_faults(entry.value) f
      loop
        is_faulty := true;
        return next;
      end loop;
      continue when is_faulty;
    end if;
    begin
      return query
        select entry.place, c.part, c.before, c.after, c.note, null::text, null::text
        from postrider_internal.apply_entry(entry.place[1], coalesce(entry.value, to_jsonb(entry.fixed)), defaults) c;
    exception
      when data_exception or integrity_constraint_violation or no_data_found or raise_exception or program_limit_exceeded then
        get stacked diagnostics problem = message_text, detail = pg_exception_detail, advice = pg_exception_hint;
        -- The detail of class 23 may show the row.
        problem := problem || case when sqlstate ~ '^23' or detail = '' then '' else format(' (%s)', rtrim(detail, '.')) end;
        place := entry.place;
        return next;
    end;
  end loop;

  return query
    select array['endpoints', (d.number - 1)::text], null::text, null::jsonb, null::jsonb,
           format('%s of this tenant has the same url and stays, so both get events: to rename it instead, update postrider.endpoint set name = %L where id = %L',
             coalesce('the endpoint ' || to_json(other.name), 'an endpoint without a name'), created.name, other.id),
           null::text, null::text
    from jsonb_array_elements(declared_endpoints) with ordinality d (value, number)
    join postrider.endpoint created on created.tenant = coalesce(d.value ->> 'tenant', '') and created.name = d.value ->> 'name'
    join postrider.endpoint other on other.tenant = created.tenant and other.url = created.url and other.id <> created.id
    where created.created_at >= now()
      and not exists (
        select from jsonb_array_elements(declared_endpoints) o (value)
        where o.value ->> 'name' = other.name and coalesce(o.value ->> 'tenant', '') = other.tenant);
end
$$;
comment on function postrider_internal.apply_file(jsonb) is
  'Makes event types, endpoints and subscriptions what a file says, and returns each change with what was before. A row with a problem is a fault of the file: the caller then rolls back. What the file does not mention stays.';
