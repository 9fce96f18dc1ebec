-- grant: execute to publisher

create or replace function postrider_internal.open_ingest(name text, path text, run_id uuid, is_resumed boolean, filter text, event_type text)
returns table (outcome text, batch bigint, file_id text, file_born_ns bigint, file_modified_ns bigint, fingerprint text, byte_offset bigint,
  line_number bigint, passed_born_ns bigint, known_files jsonb)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  position record;
begin
  -- Otherwise each line would be refused, one by one, and the position would move past them all.
  if starts_with(open_ingest.event_type, 'postrider.') then
    perform postrider_internal.refuse_own_type(open_ingest.event_type);
  end if;
  if not open_ingest.is_resumed then
    perform postrider_internal.refuse_if_unknown(open_ingest.event_type);
  end if;
  if open_ingest.filter is not null then
    perform postrider_internal.check_filter(postrider_internal.parse_filter(open_ingest.filter));
  end if;
  -- Before anything is locked: a name that belongs to another role must stay free for that role.
  perform postrider_internal.require_ingest_role(p.name, p.role_name) from postrider.ingest p where p.name = open_ingest.name;
  -- Until it is known that this session may have the ingest, the lock ends with the transaction.
  if not pg_try_advisory_xact_lock(postrider_internal.ingest_lock_key(open_ingest.name)) then
    outcome := 'busy';
    return next;
    return;
  end if;
  if not open_ingest.is_resumed then
    -- rows of runs that read their input and ended without closing
    delete from postrider.ingest p
    where p.path is null and p.updated_at < now() - interval '1 day' and p.name <> open_ingest.name
      and pg_try_advisory_xact_lock(postrider_internal.ingest_lock_key(p.name));
    insert into postrider.ingest (name, path, run_id) values (open_ingest.name, open_ingest.path, open_ingest.run_id)
    on conflict on constraint ingest_pkey do nothing;
    outcome := case when found then 'new' else 'known' end;
  else
    outcome := 'known';
  end if;
  select p.name, p.role_name, p.path, p.run_id, p.batch, p.file_id, p.file_born_ns, p.file_modified_ns, p.fingerprint, p.byte_offset,
         p.line_number, p.passed_born_ns, p.known_files
  into position
  from postrider.ingest p
  where p.name = open_ingest.name
  for update;
  if found then
    perform postrider_internal.require_ingest_role(position.name, position.role_name);
  end if;
  if position.name is null or open_ingest.is_resumed and position.run_id <> open_ingest.run_id then
    outcome := 'displaced';
    return next;
    return;
  end if;
  if position.path is distinct from open_ingest.path then
    raise exception 'the ingest % reads %', quote_literal(position.name), coalesce(quote_literal(position.path), 'standard input')
      using errcode = 'duplicate_object', hint = 'Give this one another --name.';
  end if;
  perform pg_advisory_lock(postrider_internal.ingest_lock_key(open_ingest.name)); -- at once: the transaction has it
  if not open_ingest.is_resumed then
    update postrider.ingest p set run_id = open_ingest.run_id, batch = 0 where p.name = open_ingest.name;
    position.batch := 0;
  end if;
  batch := position.batch;
  file_id := position.file_id;
  file_born_ns := position.file_born_ns;
  file_modified_ns := position.file_modified_ns;
  fingerprint := position.fingerprint;
  byte_offset := position.byte_offset;
  line_number := position.line_number;
  passed_born_ns := position.passed_born_ns;
  known_files := position.known_files;
  return next;
end
$$;
comment on function postrider_internal.open_ingest(text, text, uuid, boolean, text, text) is
  'Begins or continues an ingest, for as long as the session lasts. outcome: new; known, with the position; busy, if another session has it; displaced, if the run that wants to continue is no longer the last one.';
