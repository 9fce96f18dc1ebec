create or replace function postrider_internal.claim_context(ordering_key text, attributes jsonb, payload_bytes_max integer) returns jsonb
language sql stable
return case
  when payload_bytes_max >= 0 then postrider_internal.event_context(ordering_key, attributes)
  else postrider_internal.readable_context(ordering_key, attributes)
end;
comment on function postrider_internal.claim_context(text, jsonb, integer) is
  'event_context(), tried before it is given out if the claim is one that reads no payload.';
