-- grant: execute to operator

create or replace function postrider.forget_ingest(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  forgotten jsonb;
begin
  if not pg_try_advisory_xact_lock(postrider_internal.ingest_lock_key(forget_ingest.name)) then
    raise exception 'the ingest % is running', quote_literal(forget_ingest.name)
      using errcode = 'object_in_use', hint = 'Stop it first.';
  end if;
  delete from postrider.ingest p
  where p.name = forget_ingest.name
  returning postrider_internal.audited(p) into forgotten;
  if not found then
    raise exception 'there is no ingest %', coalesce(quote_literal(forget_ingest.name), 'null')
      using errcode = 'no_data_found', hint = 'select name, path from postrider.ingest_position lists them.';
  end if;
  perform postrider_internal.note_action('forget_ingest', null, null, forgotten);
end
$$;
comment on function postrider.forget_ingest(text) is
  'Forgets how far an ingest has read, so the next one of that name starts anew. Use it for files and hosts that are gone.';
