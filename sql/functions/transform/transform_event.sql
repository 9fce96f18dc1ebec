create or replace function postrider_internal.transform_event(
  plan postrider_internal.transformation_plan, payload json, facts jsonb,
  out transformed text, out headers jsonb, out problem text
)
language plpgsql volatile -- it reads the clock
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
-- What a path says must not depend on the session.
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $$
declare
  -- Payloads as filters have it. So a payload takes half a second at the very worst, and a result has room in memory.
  bytes_max constant integer := 1048576;
  time_max constant interval := '250 ms';
  called constant timestamptz := clock_timestamp();
  started timestamptz := called;
  is_again boolean := false;
  n integer := 0;
  step text := 'the payload cannot be read as jsonb';
  document jsonb := 'null';
  found jsonb;
  value jsonb;
  result jsonb := plan.skeleton;
  result_bytes bigint := 0;
  hits integer := 0;
  looks integer := 0;
begin
  if plan.reads_payload then
    problem := postrider_internal.unfit_payload(payload, bytes_max);
    if problem is not null then
      return;
    end if;
    document := payload::jsonb;
  end if;
  while n < coalesce(cardinality(plan.paths), 0) loop
    n := n + 1;
    step := format('the path %s', plan.texts[n]);
    found := jsonb_path_query_array(document, plan.paths[n], facts);
    if plan.texts[n] !~ '\$event' then
      looks := looks + 1;
      hits := hits + (found <> '[]')::integer;
    end if;
    if not plan.lists[n] and jsonb_array_length(found) > 1 then
      problem := format('%s gives %s values: with [*] it would give a list', step, jsonb_array_length(found));
      return;
    end if;
    value := case when plan.lists[n] then found else found -> 0 end;
    result_bytes := result_bytes + coalesce(pg_column_size(value), 0);
    if result_bytes > bytes_max then
      problem := format('the result has more than %s bytes', bytes_max);
      return;
    elsif clock_timestamp() - started > time_max then
      if is_again then
        problem := format('%s was reached after %s ms, and that is the limit', step, extract(milliseconds from time_max)::integer);
        return;
      end if;
      -- If the server stood still meanwhile, the paths are not to blame: from the beginning, once.
      is_again := true;
      started := clock_timestamp();
      n := 0;
      result := plan.skeleton;
      result_bytes := 0;
      hits := 0;
      looks := 0;
      continue;
    end if;
    result := case
      when plan.places[n] = '{}' then value
      when value is null then result #- plan.places[n]::text[]
      else jsonb_set(result, plan.places[n]::text[], value) end;
    if result is null then
      problem := format('%s gives nothing', step);
      return;
    end if;
  end loop;
  if looks > 0 and hits = 0 then
    problem := 'no path of the template finds anything in the payload';
    return;
  end if;
  step := 'the headers cannot be made';
  select h.headers, h.problem into headers, problem from postrider_internal.transform_headers(plan, document, facts) h;
  if problem is not null then
    headers := null;
    return;
  end if;
  step := 'the result cannot be written';
  transformed := result::text;
  if octet_length(transformed) > bytes_max then
    transformed := null;
    problem := format('the result has more than %s bytes', bytes_max);
  end if;
exception
  when query_canceled then
    -- The deadline of the statement. A cancel that arrives earlier came from a person, so it is obeyed.
    if clock_timestamp() - called < time_max then
      raise;
    end if;
    transformed := null;
    headers := null;
    problem := format('%s took too long', step);
  when others then
    if left(sqlstate, 2) in ('53', '57', '58') then
      raise;
    end if;
    transformed := null;
    headers := null;
    -- Postgres may quote a value, which not everyone who reads a reason may see. The value may have quotes in it, and those
    -- of other languages are not ASCII.
    problem := format('%s: %s', step, regexp_replace(sqlerrm, '[^ !#-~].*[^ !#-~]', '"..."'));
end
$$;
comment on function postrider_internal.transform_event(postrider_internal.transformation_plan, json, jsonb) is
  'The payload and the headers that a transformation makes of an event: transformed is null if the payload stays as it is. Otherwise the problem: why it cannot be applied.';
