create or replace function postrider_internal.refuse_payload(event_type text, problem text, advice text default null) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the payload of % does not fit its schema: %', event_type, problem
    using errcode = 'check_violation', constraint = 'the payload fits the schema of its event type',
      schema = 'postrider', table = 'outbox', column = 'payload',
      hint = coalesce(advice, format('Correct the payload, or the definition: json_schema of %L in postrider.event_type.', event_type));
end
$$;
comment on function postrider_internal.refuse_payload(text, text, text) is 'Refuses an event for its payload.';
