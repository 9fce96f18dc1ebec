-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.event_type_patterns(event_type text) returns text[]
language plpgsql immutable parallel safe strict
-- Without a setting, which would double the cost of a call: it reads no tables.
as $$
declare
  patterns text[] := array[event_type];
  words text[] := string_to_array(event_type, '.');
begin
  for length in 1 .. cardinality(words) - 1 loop
    patterns := patterns || (array_to_string(words[1:length], '.') || '.*');
  end loop;
  if words[1] <> 'postrider' then
    patterns := patterns || '*'::text;
  end if;
  return patterns;
end
$$;
comment on function postrider_internal.event_type_patterns(text) is
  'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';
