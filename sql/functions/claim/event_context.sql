create or replace function postrider_internal.event_context(ordering_key text, attributes jsonb) returns jsonb
language sql stable parallel safe
return case
  when attributes is null then case when ordering_key is not null then jsonb_build_object('ordering_key', ordering_key) end
  -- Attributes that take more on disk are not looked at: reading them all would hold up every claim.
  when pg_column_size(attributes) > 4096 then jsonb_build_object('ordering_key', ordering_key, 'has_large_attributes', true)
  when attributes = '{}' and ordering_key is null then null
  else jsonb_build_object(
    'ordering_key', ordering_key,
    -- One character longer than one can be, so that a longer one is not taken for one.
    'traceparent', left(attributes ->> 'traceparent', 56),
    -- As a text, because only some formats need it, and no number of it may become one of JavaScript.
    'attributes', case when octet_length(attributes::text) <= 4096 then attributes::text end,
    'has_large_attributes', octet_length(attributes::text) > 4096)
end;
comment on function postrider_internal.event_context(text, jsonb) is
  'What receivers learn of an event beside its type and payload: its ordering key, its traceparent, and its attributes as the text of JSON, unless they take more than 4096 bytes. Null if it has none of these.';
