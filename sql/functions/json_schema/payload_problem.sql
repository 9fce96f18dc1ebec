-- The messages of the walk go to the application's log: where in the payload, what was expected, and the type and
-- length of what was found. They never contain a value of the payload.
--
-- No function of the walk pins its search_path, which would cost each value 3 us: judge_payload has pinned it. They
-- call each other in assignments, which cost half as much as "select into".
create or replace function postrider_internal.payload_problem(
  checks jsonb, value jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  kind constant text := jsonb_typeof(value);
  missing text;
  branch jsonb;
  keyword text;
  walked record;
begin
  -- A step is 20 us of work, as much as an ordinary value takes. Each of these adds a step: half a kilobyte of checks that are
  -- searched for what is inside, or four kilobytes if a scalar is looked up in them; 16 kilobytes of the value, to be
  -- copied and counted; one kilobyte of the pointer.
  steps_left := steps_left - 1 - pg_column_size(checks) / case when kind in ('object', 'array') then 512 else 4096 end
    - pg_column_size(value) / 16384 - octet_length(pointer) / 1024;
  if steps_left < 0 then
    problem := 'no more steps are left';
    return;
  end if;
  problem := postrider_internal.scalar_problem(checks, value);
  if problem is null and kind = 'object' and checks ? 'required' then
    select r.name into missing
    from jsonb_array_elements_text(checks -> 'required') with ordinality r (name, place)
    where not value ? r.name
    order by r.place
    limit 1;
    problem := 'the required property ' || postrider_internal.shown_pointer(missing) || ' is missing';
  end if;
  if problem is not null then
    problem := format('at %s: %s', postrider_internal.shown_pointer(pointer), problem);
    return;
  end if;
  if kind = 'object' and checks ?| '{properties,additionalProperties}' then
    walked := postrider_internal.properties_problem(checks, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  elsif kind = 'array' and checks ?| '{items,prefixItems}' then
    walked := postrider_internal.elements_problem(checks, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  end if;
  if problem is null and kind = 'array' and checks ? 'contains' then
    walked := postrider_internal.contains_problem(checks, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  end if;
  if problem is null and checks ?| '{$ref,allOf}' then
    for branch in
      select checks -> '$ref' where checks ? '$ref' union all select a.checks from jsonb_array_elements(payload_problem.checks -> 'allOf') a (checks)
    loop
      walked := postrider_internal.payload_problem(branch, value, pointer, steps_left);
      steps_left := walked.steps_left;
      problem := walked.problem;
      exit when problem is not null;
    end loop;
  end if;
  if problem is null and checks ? 'not' then
    walked := postrider_internal.payload_problem(checks -> 'not', value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := case when steps_left < 0 then walked.problem
      when walked.problem is null then format('at %s: the schema of not fits, found %s', postrider_internal.shown_pointer(pointer), postrider_internal.shown_value(value)) end;
  end if;
  if problem is not null or not checks ?| '{anyOf,oneOf}' then
    return;
  end if;
  foreach keyword in array '{anyOf,oneOf}'::text[] loop
    continue when not checks ? keyword;
    walked := postrider_internal.branches_problem(keyword, checks -> keyword, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$$;
comment on function postrider_internal.payload_problem(jsonb, jsonb, text, integer) is
  'Where a payload does not fit these checks, what was expected there and what was found; null if it fits. steps_left bounds the work: if it ends below 0, the steps were used up and nothing is known.';
