create or replace function postrider_internal.read_options(options jsonb) returns postrider.endpoint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  known constant text[] := array(select o.name from postrider_internal.endpoint_options() o);
  given postrider.endpoint;
  option record;
begin
  if jsonb_typeof(options) is distinct from 'object' then
    raise exception 'options is not a JSON object'
      using errcode = 'invalid_parameter_value', hint = format('Give an object with any of: %s.', array_to_string(known, ', '));
  end if;
  for option in
    select g.key, g.value, o.name is not null as is_known, not coalesce(o.is_secret, true) as is_shown, a.attnotnull as is_required,
           format('%s: %s', g.key, col_description(a.attrelid, a.attnum)) as hint
    from jsonb_each(options) g
    left join postrider_internal.endpoint_options() o on o.name = g.key
    left join pg_attribute a on a.attrelid = 'postrider.endpoint'::regclass and a.attname = o.name
  loop
    if not option.is_known then
      raise exception 'there is no endpoint option %', quote_literal(left(option.key, 255))
        using errcode = 'invalid_parameter_value',
          hint = concat_ws(' ', 'Did you mean ' || postrider_internal.nearest(option.key, known) || '?',
            format('The options are: %s.', array_to_string(known, ', ')));
    end if;
    if option.is_required and option.value = 'null' then
      raise exception 'the option % cannot be null', option.key
        using errcode = 'invalid_parameter_value', detail = 'Leave the option out to use the default.', hint = option.hint;
    end if;
    begin
      given := jsonb_populate_record(given, jsonb_build_object(option.key, option.value));
    exception when data_exception then
      raise exception 'the option % cannot be %', option.key, case when option.is_shown then option.value::text else 'read' end
        using errcode = 'invalid_parameter_value', detail = case when option.is_shown then sqlerrm else '' end, hint = option.hint;
    end;
    -- What the column keeps is no credential.
    if option.key in ('auth', 'client_certificate') and option.value <> 'null' and not postrider_internal.holds_credential(option.value) then
      raise exception 'the option % lacks what is secret in it', option.key
        using errcode = 'invalid_parameter_value', hint = option.hint;
    end if;
  end loop;
  return given;
end
$$;
comment on function postrider_internal.read_options(jsonb) is
  'An endpoint with only these options set. Refuses an option that does not exist, and a value that does not fit.';
