-- grant: execute to reader, operator, daemon

-- What a person wrote, such as a reason, may hold a character that UTF-8 lacks, and would fail every statement that returns
-- it to a daemon, with all its other rows.
create or replace function postrider_internal.readable(value text) returns text
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  if getdatabaseencoding() <> 'UTF8' then
    perform convert_to(value, 'UTF8');
  end if;
  return value;
exception
  when untranslatable_character or character_not_in_repertoire then
    return regexp_replace(value, '[^ -~]', '?', 'g');
end
$$;
comment on function postrider_internal.readable(text) is
  'The text as it can be sent to a client that speaks UTF-8: itself, or else its ASCII characters, with ? for each other one.';
