create or replace function postrider_internal.scalar_problem(checks jsonb, value jsonb) returns text
language plpgsql immutable
as $$
#variable_conflict use_variable
declare
  kind constant text := jsonb_typeof(value);
  types constant jsonb := checks -> 'type';
  -- Without the cast the value is converted by way of text, and 1e100000 takes half a millisecond.
  number constant numeric := case when kind = 'number' then (value)::numeric end;
  size constant integer := case kind when 'string' then length(value #>> '{}') when 'array' then jsonb_array_length(value) end;
begin
  if types = '[]' then
    return format('nothing is allowed here, found %s', postrider_internal.shown_value(value));
  elsif not types ? kind and not (types ? 'integer' and coalesce(min_scale(number) = 0, false)) then
    return format('expected %s, found %s', (select string_agg(t.name, ' or ') from jsonb_array_elements_text(types) t (name)), postrider_internal.shown_value(value));
  elsif checks -> 'const' <> value then
    return format('expected the constant of the schema, found %s', postrider_internal.shown_value(value));
  elsif checks ? 'enum' and not postrider_internal.is_option(checks -> 'enum', value) then
    return format('expected one of the %s of the schema, found %s', postrider_internal.counted(jsonb_array_length(checks -> 'enum'), 'value'), postrider_internal.shown_value(value));
  end if;
  return case kind
    when 'number' then case
      when number < (checks -> 'minimum')::numeric then format('expected at least %s, found less', left(checks ->> 'minimum', 60))
      when number > (checks -> 'maximum')::numeric then format('expected at most %s, found more', left(checks ->> 'maximum', 60))
      when number <= (checks -> 'exclusiveMinimum')::numeric then format('expected more than %s, found not more', left(checks ->> 'exclusiveMinimum', 60))
      when number >= (checks -> 'exclusiveMaximum')::numeric then format('expected less than %s, found not less', left(checks ->> 'exclusiveMaximum', 60)) end
    when 'string' then case
      when size < (checks -> 'minLength')::numeric then format('expected at least %s, found %s', postrider_internal.counted((checks -> 'minLength')::numeric::bigint, 'character'), size)
      when size > (checks -> 'maxLength')::numeric then format('expected at most %s, found %s', postrider_internal.counted((checks -> 'maxLength')::numeric::bigint, 'character'), size) end
    when 'array' then case
      when size < (checks -> 'minItems')::numeric then format('expected at least %s, found %s', postrider_internal.counted((checks -> 'minItems')::numeric::bigint, 'element'), size)
      when size > (checks -> 'maxItems')::numeric then format('expected at most %s, found %s', postrider_internal.counted((checks -> 'maxItems')::numeric::bigint, 'element'), size) end
    end;
end
$$;
comment on function postrider_internal.scalar_problem(jsonb, jsonb) is
  'Why a value does not fit these checks, apart from what it contains; null if it does.';
