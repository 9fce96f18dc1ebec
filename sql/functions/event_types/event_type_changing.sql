create or replace function postrider_internal.event_type_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- What is enforced is read for each session's checks; what describes only, by people and generators.
  schema_bytes_max constant integer := case when new.enforce then 65536 else 1048576 end;
  -- Reading a longer path costs more than the walk.
  predicate_chars_max constant integer := 262144;
  predicate text;
  problem text;
  advice text;
begin
  new.updated_at := clock_timestamp();
  new.checks := null;
  new.predicate := null;
  new.value_steps := null;
  new.object_steps := null;
  new.byte_steps := null;
  if new.json_schema is null then
    return new;
  elsif octet_length(new.json_schema::text) > schema_bytes_max then
    perform postrider_internal.refuse_schema('', format('has %s bytes', octet_length(new.json_schema::text)), format('The limit is %s.', schema_bytes_max));
  elsif jsonb_path_exists(new.json_schema, 'strict $.**{128}') then
    -- Readers of the schema recurse for each level, and fail at some thousands.
    perform postrider_internal.refuse_schema('', 'is nested deeper than 128 levels of JSON', 'What stands in default, examples, enum and const counts here, too.');
  elsif jsonb_typeof(new.json_schema) not in ('object', 'boolean') then
    perform postrider_internal.refuse_schema('', format('is not a schema but of the type %s', jsonb_typeof(new.json_schema)),
      'A schema is an object, true or false.');
  elsif not new.enforce then
    return new;
  end if;
  new.checks := postrider_internal.compile_schema(new.json_schema, new.json_schema, '', '{}');
  predicate := postrider_internal.schema_predicate(new.checks, '$');
  if length(predicate) <= predicate_chars_max then
    new.predicate := ('strict $ ? ' || predicate)::jsonpath;
    select s.value_steps, s.object_steps, s.byte_steps into new.value_steps, new.object_steps, new.byte_steps
    from postrider_internal.predicate_steps(new.checks) s;
  end if;
  return new;
exception
  when invalid_parameter_value then
    get stacked diagnostics problem = message_text, advice = pg_exception_hint;
    raise exception 'cannot define the event type %: %', to_json(left(new.name, 255)), problem
      using errcode = 'invalid_parameter_value', hint = advice;
end
$$;
comment on function postrider_internal.event_type_changing() is
  'Compiles the schema of a definition that is enforced, and refuses what is outside the subset.';

create or replace trigger event_type_changing before insert or update on postrider.event_type
  for each row execute function postrider_internal.event_type_changing();
comment on trigger event_type_changing on postrider.event_type is 'Reads the schema, and refuses what could not be enforced.';
