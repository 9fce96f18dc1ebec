create or replace function postrider_internal.endpoint_faults(declared jsonb)
returns table (place text[], problem text, advice text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  judged record;
  detail text;
  violated text;
begin
  for judged in
    select array[c.key] as place, c.key as column_name, declared -> c.key as value
    from unnest('{tenant,name,url}'::text[]) c (key)
    where declared ? c.key or c.key <> 'tenant'
    union all
    select array[o.key], 'options', jsonb_build_object(o.key, o.value) from jsonb_each(declared -> 'options') o
    union all
    select array['subscriptions', (s.number - 1)::text], 'event_type', s.value
    from jsonb_array_elements(declared -> 'subscriptions') with ordinality s (value, number)
    where jsonb_typeof(s.value) = 'object'
  loop
    -- One that is to be absent has a tenant and a name, and the rest is not read.
    continue when declared ->> 'state' = 'absent' and judged.column_name not in ('tenant', 'name');
    begin
      case judged.column_name
        when 'tenant' then perform (judged.value #>> '{}')::postrider.endpoint_tenant;
        when 'name' then perform (judged.value #>> '{}')::postrider.endpoint_name;
        when 'url' then
          if judged.value is null and declared -> 'options' ->> 'kind' is distinct from 'pull' then
            raise exception 'the endpoint has no url' using errcode = 'invalid_parameter_value';
          end if;
          perform (judged.value #>> '{}')::postrider.endpoint_url;
        when 'options' then perform postrider_internal.read_options(judged.value);
        when 'event_type' then
          perform (judged.value ->> 'event_type')::postrider.event_type_pattern;
          perform postrider_internal.check_filter(postrider_internal.parse_filter(judged.value ->> 'filter'))
          where judged.value ->> 'filter' is not null;
      end case;
    exception
      when data_exception or integrity_constraint_violation or raise_exception then
        get stacked diagnostics problem = message_text, detail = pg_exception_detail, advice = pg_exception_hint, violated = constraint_name;
        -- The names of the checks are sentences, and show no value.
        problem := case when violated <> '' and problem like 'value for domain %' then format('it is refused by the rule "%s"', violated)
          when detail = '' then problem else format('%s (%s)', problem, rtrim(detail, '.')) end;
        advice := coalesce(nullif(advice, ''), (
          select format('%s: %s', a.attname, col_description(a.attrelid, a.attnum))
          from pg_attribute a
          where a.attrelid = case judged.column_name when 'event_type' then 'postrider.subscription' else 'postrider.endpoint' end::regclass
            and a.attname = case judged.column_name when 'options' then judged.place[1] else judged.column_name end));
        place := judged.place;
        return next;
    end;
  end loop;
end
$$;
comment on function postrider_internal.endpoint_faults(jsonb) is
  'Everything in an entry of a file that an endpoint cannot have, each with its place and what to write instead.';
