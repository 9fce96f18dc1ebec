-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.event_type_patterns(event_type text) returns text[]
language plpgsql immutable parallel safe strict
-- Without a search_path, which would double the cost of a call. So every name and operator is in full: a recipe calls it
-- with the path of whoever runs it.
as $$
declare
  patterns pg_catalog.text[] := array[event_type];
  words pg_catalog.text[] := pg_catalog.string_to_array(event_type, '.');
begin
  for length in 1 .. pg_catalog.cardinality(words) operator(pg_catalog.-) 1 loop
    patterns := patterns operator(pg_catalog.||) (pg_catalog.array_to_string(words[1:length], '.') operator(pg_catalog.||) '.*');
  end loop;
  if words[1] operator(pg_catalog.<>) 'postrider' then
    patterns := patterns operator(pg_catalog.||) '*'::pg_catalog.text;
  end if;
  return patterns;
end
$$;
comment on function postrider_internal.event_type_patterns(text) is
  'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';
