create or replace function postrider_internal.readable_context(ordering_key text, attributes jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  context jsonb;
begin
  context := postrider_internal.event_context(ordering_key, attributes);
  -- In SQL_ASCII each byte is a character, so a cut may leave a part of one. What was cut is not used.
  if octet_length(context ->> 'attributes') > 4096 then
    context := context - 'attributes' || '{"has_large_attributes": true}';
  end if;
  if octet_length(context ->> 'traceparent') > 55 then
    context := context - 'traceparent';
  end if;
  perform convert_to(context::text, 'UTF8');
  return context;
exception
  when untranslatable_character or character_not_in_repertoire or data_corrupted or index_corrupted then
    return jsonb_build_object('problem', sqlstate);
end
$$;
comment on function postrider_internal.readable_context(text, jsonb) is
  'event_context(); if it cannot be sent to a client that speaks UTF-8, the SQLSTATE that says why, as problem.';
