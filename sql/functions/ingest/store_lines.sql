-- grant: execute to publisher

create or replace function postrider_internal.store_lines(
  name text, run_id uuid, batch bigint, event_type text, tenant text, filter jsonpath, lines text, refused_before integer,
  file_id text, file_born_ns bigint, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint,
  passed_born_ns bigint, known_files jsonb
) returns table (outcome text, events integer, unmatched integer, refused integer[], reasons text[])
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- A comparison of two paths may take minutes and cannot be interrupted; judge_filters checks for it first.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  texts constant text[] := coalesce(string_to_array(store_lines.lines, E'\n'), '{}');
  position record;
  judged record;
  inserted record;
  count_events integer;
  count_refused integer;
begin
  -- Before the row is locked: a role must not hold up the ingest of another one.
  perform postrider_internal.require_ingest_role(p.name, p.role_name) from postrider.ingest p where p.name = store_lines.name;
  select p.role_name, p.run_id, p.batch into position
  from postrider.ingest p
  where p.name = store_lines.name
  for update;
  if not found or position.run_id <> store_lines.run_id or store_lines.batch not in (position.batch, position.batch + 1) then
    outcome := 'displaced';
    return next;
    return;
  end if;
  refused := '{}';
  reasons := '{}';

  if store_lines.batch = position.batch then
    -- The answer was lost. Its lines are not inserted again; those that were refused are found again.
    select j.chosen, j.refused, j.reasons into judged from postrider_internal.judge_lines(texts, store_lines.filter) j;
    outcome := 'repeated';
    events := cardinality(judged.chosen);
    refused := judged.refused;
    reasons := judged.reasons;
    unmatched := cardinality(texts) - events - cardinality(refused);
    return next;
    return;
  end if;

  if cardinality(texts) > 0 and (store_lines.filter is null or store_lines.filter::text !~ compares_paths) then
    begin
      insert into postrider.outbox (event_type, tenant, payload)
      select store_lines.event_type, store_lines.tenant, l.line::json
      from unnest(texts) with ordinality l (line, n)
      where store_lines.filter is null or l.line::jsonb @@ store_lines.filter
      order by l.n;
      get diagnostics count_events = row_count;
    exception when others then
      -- One or several lines are at fault; insert_lines finds which. A problem of the server is not blamed on a line.
      if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then
        raise;
      end if;
      count_events := null;
    end;
  end if;
  if count_events is null then
    select j.chosen, j.refused, j.reasons into judged from postrider_internal.judge_lines(texts, store_lines.filter) j;
    select i.events, i.refused, i.reasons into inserted
    from postrider_internal.insert_lines(store_lines.event_type, store_lines.tenant,
      array(select texts[c.n] from unnest(judged.chosen) with ordinality c (n, place) order by c.place), judged.chosen) i;
    count_events := inserted.events;
    refused := judged.refused || inserted.refused;
    reasons := judged.reasons || inserted.reasons;
  end if;

  outcome := 'stored';
  events := count_events;
  count_refused := cardinality(refused);
  unmatched := cardinality(texts) - count_events - count_refused;
  update postrider.ingest p
  set batch = store_lines.batch, file_id = store_lines.file_id, file_born_ns = store_lines.file_born_ns,
      file_modified_ns = store_lines.file_modified_ns, fingerprint = store_lines.fingerprint, byte_offset = store_lines.byte_offset,
      line_number = store_lines.line_number, passed_born_ns = store_lines.passed_born_ns,
      known_files = coalesce(store_lines.known_files, p.known_files),
      lines = p.lines + cardinality(texts) + store_lines.refused_before, events = p.events + count_events,
      unmatched = p.unmatched + cardinality(texts) - count_events - count_refused,
      refused = p.refused + count_refused + store_lines.refused_before, updated_at = clock_timestamp()
  where p.name = store_lines.name;
  return next;
end
$$;
comment on function postrider_internal.store_lines(text, uuid, bigint, text, text, jsonpath, text, integer, text, bigint, bigint, text, bigint, bigint, bigint, jsonb) is
  'Inserts one batch of lines as events and moves the position past them. outcome: stored; repeated, if it was stored before; displaced, if another run continues the ingest, in which case nothing was done. known_files: null leaves them as they are. refused: numbers of lines within the batch, from 1.';
