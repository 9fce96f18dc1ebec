create or replace function postrider_internal.event_context(ordering_key text, attributes jsonb) returns jsonb
language sql stable parallel safe
-- Attributes that take more on disk are not looked at: reading them all would hold up every claim.
return case
  when ordering_key is not null or pg_column_size(attributes) <= 4096 and attributes ? 'traceparent'
  then jsonb_build_object(
    'ordering_key', ordering_key,
    -- One character longer than one can be, so that a longer one is not taken for one.
    'traceparent', case when pg_column_size(attributes) <= 4096 then left(attributes ->> 'traceparent', 56) end)
end;
comment on function postrider_internal.event_context(text, jsonb) is
  'What receivers learn of an event beside its type and payload: its ordering key and its traceparent. Null if it has neither.';
