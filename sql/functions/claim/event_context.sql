-- grant: execute to operator

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
    -- As a text, because only some formats need it, and no number of it may become one of JavaScript. Also one character
    -- longer than it is used: looking at its length would make it twice.
    'attributes', left(attributes::text, 4097))
end;
comment on function postrider_internal.event_context(text, jsonb) is
  'What receivers learn of an event beside its type and payload: its ordering key, its traceparent, and the first 4097 characters of its attributes as the text of JSON. Null if it has none of these.';
