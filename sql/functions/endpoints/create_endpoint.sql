-- grant: execute to operator

create or replace function postrider.create_endpoint(
  url text, event_types text[] default '{*}', tenant text default '', options jsonb default '{}',
  out endpoint_id uuid, out secret text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known constant text[] := '{format,timeout_ms,retry_schedule,headers,disable_after}';
  given_tenant constant text := coalesce(tenant, '');
  unknown text;
  read_option text;
  timeout_ms integer;
  retry_schedule interval[];
  disable_after interval;
begin
  if jsonb_typeof(options) is distinct from 'object' then
    raise exception 'options is no JSON object'
      using errcode = 'invalid_parameter_value', hint = format('Give an object with any of: %s.', array_to_string(known, ', '));
  end if;
  select k into unknown from jsonb_object_keys(options) k where k <> all (known) limit 1;
  if found then
    raise exception 'there is no endpoint option %', quote_literal(unknown)
      using errcode = 'invalid_parameter_value', hint = format('The options are: %s.', array_to_string(known, ', '));
  end if;
  if event_types is null or array_position(event_types, null) is not null then
    raise exception 'event_types is null or holds a null'
      using errcode = 'null_value_not_allowed', hint = 'Give the types the endpoint is to get, such as array[''order.*'']; an empty array for none yet.';
  end if;

  begin
    read_option := 'timeout_ms';
    timeout_ms := coalesce((options ->> 'timeout_ms')::integer, 15000);
    read_option := 'retry_schedule';
    retry_schedule := case when options ? 'retry_schedule'
      then array(select s.step::interval from jsonb_array_elements_text(options -> 'retry_schedule') with ordinality s (step, n) order by s.n)
      else '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}' end;
    read_option := 'disable_after';
    -- null is never
    disable_after := case when options ? 'disable_after' then (options ->> 'disable_after')::interval else '5 days' end;
  exception when data_exception then
    raise exception 'the option % cannot be %', read_option, options -> read_option
      using errcode = 'invalid_parameter_value', detail = sqlerrm,
        hint = case read_option
          when 'timeout_ms' then 'Give a whole number of milliseconds, such as 15000.'
          when 'retry_schedule' then 'Give a list of intervals, such as ["5 s", "5 min", "2 h"]; an empty one for no retries.'
          else 'Give an interval, such as "5 days"; null for never.' end;
  end;

  endpoint_id := postrider.uuid_v7();
  perform postrider_internal.begin_action('create_endpoint', endpoint_id,
    jsonb_build_object('url', postrider_internal.url_without_secrets(url), 'event_types', event_types, 'tenant', given_tenant, 'options', options - 'headers'));
  insert into postrider.endpoint as e (id, tenant, url, format, timeout_ms, retry_schedule, headers, disable_after)
  values (endpoint_id, given_tenant, url, coalesce(options ->> 'format', 'standard'), timeout_ms, retry_schedule,
          coalesce(options -> 'headers', '{}'), disable_after);
  secret := postrider_internal.new_secret();
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, secret);
  insert into postrider.subscription (endpoint_id, event_type)
  select endpoint_id, t.event_type from unnest(event_types) t (event_type);
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.create_endpoint(text, text[], text, jsonb) is
  'Makes an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with. Use it for each new receiver. Options: format, timeout_ms, retry_schedule, headers, disable_after.';
