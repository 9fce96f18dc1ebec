-- The rules of src/format/cloudEventsAttributes.ts, which decide; a test compares the two.
create or replace function postrider_internal.left_out_attributes(attributes jsonb, format text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  -- characters that a text of CloudEvents must not have, in the bytes of UTF-8: controls, then noncharacters
  forbidden constant text := '^(..)*([01].|7f|c2[89].|efb7[9a].|efbfb[ef]|f[0-4][89ab]fbfb[ef])';
  problems text[] := '{}';
  attribute record;
begin
  if attributes is null or format not in ('cloudevents', 'cloudevents-binary', 'cloudevents-xml') then
    return null;
  elsif pg_column_size(attributes) > 4096 or octet_length(attributes::text) > 4096 then
    return 'all attributes: they take more than 4096 bytes';
  end if;
  for attribute in
    select to_json(left(a.key, 100)) as shown, case
      when a.key in ('specversion', 'id', 'source', 'type', 'time', 'datacontenttype', 'data') then 'Postrider fills it in'
      when a.key !~ '^[a-z0-9]+$' then 'a name of CloudEvents has only lower-case letters and digits'
      when jsonb_typeof(a.value) = 'object' then 'its value is an object'
      when jsonb_typeof(a.value) = 'array' then 'its value is a list'
      when a.key = 'subject' and a.value = '""' then 'it is empty'
      when a.key = 'dataschema' then
        case when a.value #>> '{}' !~ '^[A-Za-z][A-Za-z0-9+.-]*:[][A-Za-z0-9._~:/?#@!$&''()*+,;=%-]+$' then 'its value is not an absolute URI' end
      when a.key = 'traceparent' then
        case when a.value #>> '{}' !~ '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$'
             then 'its value is not one of W3C Trace Context' end
      when encode(convert_to(a.value #>> '{}', 'UTF8'), 'hex') ~ forbidden then 'its value has a control character or a noncharacter'
    end as problem, format = 'cloudevents-xml' and a.key ~ '^[0-9]' as is_no_name
    from jsonb_each(attributes) a
    where a.value <> 'null'
  loop
    if attribute.problem is not null or attribute.is_no_name then
      problems := problems || format('%s: %s', attribute.shown, coalesce(attribute.problem, 'a name of XML does not begin with a digit'));
    end if;
  end loop;
  return nullif(array_to_string(problems, '; '), '');
exception
  when untranslatable_character or character_not_in_repertoire then
    return null;
end
$$;
comment on function postrider_internal.left_out_attributes(jsonb, text) is
  'Which of an event''s attributes a format of CloudEvents does not carry, and why, without their values. Null if it carries all of them, and for other formats.';
