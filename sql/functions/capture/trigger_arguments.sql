-- grant: execute to publisher, reader, operator

create or replace function postrider_internal.trigger_arguments(arguments bytea) returns text[]
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  -- Each argument ends with a zero byte, which no text can hold; so the bytes are read as hexadecimal pairs.
  select array_agg(convert_from(decode(replace(a.pairs, ' ', ''), 'hex'), getdatabaseencoding()) order by a.place)
  from unnest(string_to_array(regexp_replace(encode(arguments, 'hex'), '(..)', E'\\1 ', 'g'), '00 '))
         with ordinality a (pairs, place)
$$;
comment on function postrider_internal.trigger_arguments(bytea) is
  'The arguments of a trigger, from pg_trigger.tgargs, followed by one empty text.';
