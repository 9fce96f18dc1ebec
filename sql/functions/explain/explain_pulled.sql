create or replace function postrider_internal.explain_pulled(detail text, stop text) returns text
language sql immutable parallel safe
return case
  when explain_pulled.detail = 'unacknowledged' then 'given to its receiver, or next to be, and not acknowledged: it is when the receiver asks for what follows'
  when stop is not null then 'waits because ' || stop
  else 'due, and waits to be fetched by its receiver: postrider.pull_status says when that last was' end;
comment on function postrider_internal.explain_pulled(text, text) is
  'What a delivery of a pull endpoint waits for, given its detail in postrider.delivery_status; stop: why nothing is delivered at all, null if it is.';
