create or replace function postrider_internal.readable_context(ordering_key text, attributes jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  context jsonb;
begin
  context := postrider_internal.event_context(ordering_key, attributes);
  perform convert_to(context::text, 'UTF8');
  return context;
exception
  when untranslatable_character or character_not_in_repertoire or data_corrupted or index_corrupted then
    return jsonb_build_object('problem', sqlstate);
end
$$;
comment on function postrider_internal.readable_context(text, jsonb) is
  'event_context(); if it cannot be sent to a client that speaks UTF-8, the SQLSTATE that says why, as problem.';
