-- grant: execute to operator

create or replace function postrider_internal.are_headers(headers jsonb) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- It raises an error instead of returning false, because the error must name the header and must not show its value.
-- A value that is not an object passes: another check of the domain refuses it.
declare
  name text;
  value jsonb;
  problem text;
begin
  for name, value in
    select h.key, h.value from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h order by h.key
  loop
    problem := case
      when name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' then 'has no name that HTTP allows: letters, digits and hyphens'
      when jsonb_typeof(value) <> 'string' then format('has a value that is not a string but of the type %s', jsonb_typeof(value))
      -- With a line break in it, a value could forge another header, or a whole request.
      when value #>> '{}' ~ '[^ -~\t]' then 'has a value with a line break or a character outside of ASCII'
      when value #>> '{}' ~ '^[ \t]|[ \t]$' then 'has a value with a blank at its beginning or end' end;
    if problem is not null then
      raise exception 'the header % %', to_json(name), problem
        using errcode = 'check_violation', constraint = 'headers are names and texts that HTTP allows',
          schema = 'postrider', table = 'endpoint', column = 'headers',
          hint = 'headers is an object of names and texts, such as {"authorization": "Bearer ..."}.';
    end if;
  end loop;
  return true;
end
$$;
comment on function postrider_internal.are_headers(jsonb) is
  'True if HTTP allows these request headers. Otherwise it raises an error that names the first bad one, without its value.';
