-- grant: execute to publisher

create or replace function postrider.publish_events(events json) returns table (id uuid)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  members constant text[] := '{event_type,payload,tenant,ordering_key,deliver_at,idempotency_key,attributes}';
  event json;
  unknown text;
begin
  if json_typeof(events) is distinct from 'array' or json_array_length(events) > 1000 then
    raise exception 'the events are not a list of at most 1000'
      using errcode = 'invalid_parameter_value', hint = 'Give [{"event_type": "order.paid", "payload": {"order_id": 42}}].';
  end if;
  -- In the order of the list: a set would not promise it.
  for event in select e.value from json_array_elements(events) with ordinality e (value, n) order by e.n loop
    select m.name into unknown from json_object_keys(event) m (name) where m.name <> all (members) limit 1;
    if found then
      raise exception '% is no member of an event', to_json(unknown)
        using errcode = 'invalid_parameter_value', hint = format('There are %s.', array_to_string(members, ', '));
    end if;
    id := postrider.publish(
      event_type => event ->> 'event_type', payload => event -> 'payload', tenant => event ->> 'tenant',
      ordering_key => event ->> 'ordering_key', deliver_at => (event ->> 'deliver_at')::timestamptz,
      idempotency_key => event ->> 'idempotency_key',
      attributes => nullif((event -> 'attributes')::jsonb, 'null'));
    return next;
  end loop;
end
$$;
comment on function postrider.publish_events(json) is
  'Inserts the events of a list, each an object with the parameters of postrider.publish(), and returns their ids in the same order. Use it for many events at once; payloads are kept as they are written.';
