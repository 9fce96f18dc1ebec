create or replace function postrider_internal.judge_payload(
  event_type text, payload json, checks jsonb, predicate jsonpath, value_steps bigint, object_steps bigint, byte_steps bigint
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Read in 10 ms. Filters of subscriptions have the same limit.
  payload_bytes_max constant integer := 1048576;
  -- 0.05 us each: 0.4 s
  predicate_steps_max constant integer := 8000000;
  -- 20 us each: 0.2 s
  walk_steps_max constant integer := 10000;
  payload_bytes constant integer := octet_length(payload::text);
  document jsonb;
  verdict boolean;
  problem text;
  steps_left integer;
begin
  if payload_bytes > payload_bytes_max then
    perform postrider_internal.refuse_payload(event_type, format('it has %s bytes, and at most %s are checked', payload_bytes, payload_bytes_max));
  end if;
  begin
    document := payload::jsonb;
    -- A byte makes at most one value and one object, so a small payload need not be counted.
    if payload_bytes * (value_steps + object_steps + byte_steps) <= predicate_steps_max
      or postrider_internal.payload_steps(payload::text, value_steps, object_steps, byte_steps) <= predicate_steps_max
    then
      verdict := jsonb_path_exists(document, predicate, checks);
    end if;
  exception
    -- JSON that jsonb does not take: a NUL, half a surrogate, a number beyond numeric, some thousand levels.
    when data_exception or program_limit_exceeded then
      problem := sqlerrm;
  end;
  if document is null then
    perform postrider_internal.refuse_payload(event_type, 'Postgres cannot read it: ' || problem);
  elsif verdict then
    return;
  end if;
  select p.problem, p.steps_left into problem, steps_left from postrider_internal.payload_problem(checks, document, '', walk_steps_max) p;
  if steps_left < 0 and not verdict then
    perform postrider_internal.refuse_payload(event_type, format('the place was not found within the limit of %s steps', walk_steps_max));
  elsif steps_left < 0 then
    perform postrider_internal.refuse_payload(event_type,
      format('it has %s bytes, too many to check against its schema: nothing was wrong within the limit of %s steps', payload_bytes, walk_steps_max),
      'Put less into one event, or enforce a schema with fewer branches of anyOf, allOf and oneOf, and shorter enum lists.');
  elsif problem is not null then
    perform postrider_internal.refuse_payload(event_type, problem);
  end if;
end
$$;
comment on function postrider_internal.judge_payload(text, json, jsonb, jsonpath, bigint, bigint, bigint) is
  'Refuses a payload that does not fit, with the reason. A payload that is too much work for both the predicate and the walk is refused as well; half a second is the most.';
