create or replace function postrider_internal.properties_problem(
  checks jsonb, whole jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  properties constant jsonb := coalesce(checks -> 'properties', '{}');
  additional constant jsonb := checks -> 'additionalProperties';
  part record;
  name text;
  walked record;
begin
  for part in select p.key as name, p.value as checks from jsonb_each(properties) p loop
    continue when not whole ? part.name;
    walked := postrider_internal.payload_problem(part.checks, whole -> part.name, pointer || postrider_internal.pointer_step(part.name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
  if problem is not null or additional is null or additional = '{}' then
    return;
  end if;
  -- Here Postgres takes one name after the other; in a from clause it would materialize all of them first.
  for name in select jsonb_object_keys(whole) loop
    continue when properties ? name;
    walked := postrider_internal.payload_problem(additional, whole -> name, pointer || postrider_internal.pointer_step(name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$$;
comment on function postrider_internal.properties_problem(jsonb, jsonb, text, integer) is
  'What payload_problem says of the first property of an object that does not fit.';
