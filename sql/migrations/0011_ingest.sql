-- Log lines become events: where `postrider ingest` has got to, and the functions by which it goes on from there.
-- locks: nothing that exists
-- breaking: no
--
-- The position is stored in the transaction that inserts the events it covers: that is why a restart neither loses nor
-- repeats a line. A batch has a number, and the row says which one was stored last: one whose answer was lost is sent
-- again under the same number and not inserted twice. Two ingests of one name exclude each other by an advisory lock of
-- the session; should that be lost without a word, the run's id in the row fences: who finds another's stops.
--
-- Whose rights. An ingest needs no more than a publisher has, since the functions act with their owner's rights and let
-- a role go on with its own positions only.

create table postrider.ingest_position (
  name text not null,
  role_name text not null default session_user,
  path text,
  run_id uuid not null,
  batch bigint not null default 0,
  file_id text,
  file_modified_ns bigint,
  fingerprint text,
  byte_offset bigint not null default 0,
  line_number bigint not null default 0,
  lines bigint not null default 0,
  events bigint not null default 0,
  unmatched bigint not null default 0,
  refused bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint ingest_position_pkey primary key (name),
  constraint "name has 1 to 1024 characters" check (length(name) between 1 and 1024),
  constraint "nothing is counted below 0" check (
    least(batch, file_modified_ns, byte_offset, line_number, lines, events, unmatched, refused) >= 0)
) with (fillfactor = 50); -- its rows are updated with each batch: there is to be room beside them
comment on table postrider.ingest_position is
  'How far each "postrider ingest" has got, written with the events. One row a followed file; one a run that reads its input, for as long as that runs.';
comment on column postrider.ingest_position.name is 'What it goes by: --name, or else the host and the path of the file.';
comment on column postrider.ingest_position.role_name is 'The role that began it: members of that role may go on with it.';
comment on column postrider.ingest_position.path is 'The file that is followed; null where standard input is read.';
comment on column postrider.ingest_position.run_id is 'The process that goes on with it, or was the last to.';
comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';
comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';
comment on column postrider.ingest_position.file_modified_ns is
  'When that file had been modified, in nanoseconds since 1970: rotated files that are newer have not been read. Null until something is stored.';
comment on column postrider.ingest_position.fingerprint is
  'Digest of the first and the last kilobyte of what was read of it: inodes are used again, and copies have others. Null where there is none.';
comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';
comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';
comment on column postrider.ingest_position.lines is 'Lines that were read since the row was made, empty ones not counted.';
comment on column postrider.ingest_position.events is 'Lines that became events.';
comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';
comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';
comment on column postrider.ingest_position.created_at is 'When the ingest began.';
comment on column postrider.ingest_position.updated_at is 'When it stored something last.';

create function postrider.ingest_lock_key(name text) returns bigint
language sql immutable
return hashtextextended('postrider.ingest ' || name, 0);
comment on function postrider.ingest_lock_key(text) is 'The key of the advisory lock that the session of an ingest holds.';

create function postrider.require_ingest_role(name text, role_name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- a role that is gone keeps nobody out
  if role_name <> session_user and to_regrole(quote_ident(role_name)) is not null
    and not pg_has_role(session_user, role_name, 'member')
  then
    raise exception 'the ingest % belongs to the role %', quote_literal(name), quote_ident(role_name)
      using errcode = 'insufficient_privilege', detail = format('This session logged in as %I.', session_user),
        hint = 'Log in as that role or a member of it, or give the ingest another --name.';
  end if;
end
$$;
comment on function postrider.require_ingest_role(text, text) is 'Raises an error where who logged in may not go on with an ingest that this role began.';

create function postrider.open_ingest(name text, path text, run_id uuid, is_resumed boolean, filter text, event_type text)
returns table (outcome text, batch bigint, file_id text, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint,
  lines bigint, events bigint, unmatched bigint, refused bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  parsed jsonpath;
  position record;
begin
  -- Otherwise each line would be refused, one by one, and the position moved behind them all.
  if not open_ingest.is_resumed then
    perform postrider.refuse_if_unknown(open_ingest.event_type);
  end if;
  if open_ingest.filter is not null then
    parsed := postrider.parse_filter(open_ingest.filter);
    begin
      perform jsonb_path_match('{}', parsed);
    exception when data_exception then -- no single item, or, in strict mode, no such member
      raise exception 'the filter % is no predicate', quote_literal(open_ingest.filter)
        using errcode = 'invalid_parameter_value',
          detail = 'It selects something from the line; a filter says whether the line matches.',
          hint = 'Compare: $.level >= 50, $.status == "paid", exists($.err).';
    end;
  end if;
  if not pg_try_advisory_lock(postrider.ingest_lock_key(open_ingest.name)) then
    outcome := 'busy';
    return next;
    return;
  end if;
  if not open_ingest.is_resumed then
    -- what runs have left behind that read their input and could not say goodbye
    delete from postrider.ingest_position p
    where p.path is null and p.updated_at < now() - interval '1 day' and p.name <> open_ingest.name
      and pg_try_advisory_xact_lock(postrider.ingest_lock_key(p.name));
    insert into postrider.ingest_position (name, path, run_id) values (open_ingest.name, open_ingest.path, open_ingest.run_id)
    on conflict on constraint ingest_position_pkey do nothing;
    outcome := case when found then 'new' else 'known' end;
  else
    outcome := 'known';
  end if;
  select p.name, p.role_name, p.path, p.run_id, p.batch, p.file_id, p.file_modified_ns, p.fingerprint, p.byte_offset, p.line_number,
         p.lines, p.events, p.unmatched, p.refused
  into position
  from postrider.ingest_position p
  where p.name = open_ingest.name
  for update;
  if found then
    perform postrider.require_ingest_role(position.name, position.role_name);
  end if;
  if position.name is null or open_ingest.is_resumed and position.run_id <> open_ingest.run_id then
    outcome := 'displaced';
  elsif position.path is distinct from open_ingest.path then
    raise exception 'the ingest % reads %', quote_literal(position.name), coalesce(quote_literal(position.path), 'standard input')
      using errcode = 'duplicate_object', hint = 'Give this one another --name.';
  elsif not open_ingest.is_resumed then
    update postrider.ingest_position p set run_id = open_ingest.run_id, batch = 0 where p.name = open_ingest.name;
    position.batch := 0;
  end if;
  batch := position.batch;
  file_id := position.file_id;
  file_modified_ns := position.file_modified_ns;
  fingerprint := position.fingerprint;
  byte_offset := position.byte_offset;
  line_number := position.line_number;
  lines := position.lines;
  events := position.events;
  unmatched := position.unmatched;
  refused := position.refused;
  return next;
end
$$;
comment on function postrider.open_ingest(text, text, uuid, boolean, text, text) is
  'Begins an ingest, or goes on with it, for as long as the session lasts. outcome: new, or known, with the position; busy: another session has it; displaced: the run that wants to go on is no longer the last one.';

create function postrider.insert_lines(
  event_type text, tenant text, lines text[], numbers integer[],
  out events integer, out refused integer[], out reasons text[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  half constant integer := cardinality(lines) / 2;
  part record;
begin
  refused := '{}';
  reasons := '{}';
  begin
    insert into postrider.outbox (event_type, tenant, payload)
    select insert_lines.event_type, insert_lines.tenant, l.line::json
    from unnest(insert_lines.lines) with ordinality l (line, n)
    order by l.n;
    get diagnostics events = row_count;
    return;
  exception when data_exception or integrity_constraint_violation or program_limit_exceeded or raise_exception then
    if cardinality(lines) = 1 then
      events := 0;
      refused := numbers;
      reasons := array[sqlerrm];
      return;
    end if;
  end;
  -- By halves: one bad line of a thousand is found with twenty inserts.
  events := 0;
  for part in
    select i.events, i.refused, i.reasons
    from (values (lines[:half], numbers[:half]), (lines[half + 1:], numbers[half + 1:])) h (lines, numbers)
    cross join lateral postrider.insert_lines(event_type, tenant, h.lines, h.numbers) i
  loop
    events := events + part.events;
    refused := refused || part.refused;
    reasons := reasons || part.reasons;
  end loop;
end
$$;
comment on function postrider.insert_lines(text, text, text[], integer[]) is
  'Inserts lines as events, in order, all but those that Postgres refuses: their numbers are returned, with the reasons.';

create function postrider.judge_lines(
  lines text[], filter jsonpath,
  out chosen integer[], out refused integer[], out reasons text[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  nobody constant uuid[] := array['00000000-0000-0000-0000-000000000000'::uuid];
  verdict record;
begin
  chosen := '{}';
  refused := '{}';
  reasons := '{}';
  for n in 1 .. cardinality(lines) loop
    begin
      select j.problem, j.is_slow into verdict
      from (select lines[n]::json as payload) l
      left join lateral postrider.judge_filters(l.payload, nobody, array[filter]) j on filter is not null;
      if verdict.is_slow then
        verdict.problem := 'the filter takes longer than half a second with it';
      end if;
      if verdict.problem is not null then
        refused := refused || n;
        reasons := reasons || verdict.problem;
      elsif filter is null or verdict.is_slow is not null then
        chosen := chosen || n;
      end if;
    exception when data_exception or program_limit_exceeded then
      refused := refused || n;
      reasons := reasons || sqlerrm;
    end;
  end loop;
end
$$;
comment on function postrider.judge_lines(text[], jsonpath) is
  'Which lines are JSON and match the filter, and which Postgres cannot read or judge, with the reasons. Line by line, as subscriptions are judged.';

create function postrider.store_lines(
  name text, run_id uuid, batch bigint, event_type text, tenant text, filter jsonpath, lines text, refused_before integer,
  file_id text, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint
) returns table (outcome text, events integer, unmatched integer, refused integer[], reasons text[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- A comparison of two paths may take minutes, which nothing interrupts; judge_filters looks first.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  texts constant text[] := coalesce(string_to_array(store_lines.lines, E'\n'), '{}');
  position record;
  judged record;
  inserted record;
  count_events integer;
  count_refused integer;
begin
  select p.role_name, p.run_id, p.batch into position
  from postrider.ingest_position p
  where p.name = store_lines.name
  for update;
  if not found or position.run_id <> store_lines.run_id or store_lines.batch not in (position.batch, position.batch + 1) then
    outcome := 'displaced';
    return next;
    return;
  end if;
  perform postrider.require_ingest_role(store_lines.name, position.role_name);
  refused := '{}';
  reasons := '{}';

  if store_lines.batch = position.batch then
    -- Its answer was lost. What was inserted then is not inserted again; what was refused is found again.
    select j.chosen, j.refused, j.reasons into judged from postrider.judge_lines(texts, store_lines.filter) j;
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
      -- One of them or several: which, is found line by line. What is the server's trouble is no line's fault.
      if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then
        raise;
      end if;
      count_events := null;
    end;
  end if;
  if count_events is null then
    select j.chosen, j.refused, j.reasons into judged from postrider.judge_lines(texts, store_lines.filter) j;
    select i.events, i.refused, i.reasons into inserted
    from postrider.insert_lines(store_lines.event_type, store_lines.tenant,
      array(select texts[c.n] from unnest(judged.chosen) with ordinality c (n, place) order by c.place), judged.chosen) i;
    count_events := inserted.events;
    refused := judged.refused || inserted.refused;
    reasons := judged.reasons || inserted.reasons;
  end if;

  outcome := 'stored';
  events := count_events;
  count_refused := cardinality(refused);
  unmatched := cardinality(texts) - count_events - count_refused;
  update postrider.ingest_position p
  set batch = store_lines.batch, file_id = store_lines.file_id, file_modified_ns = store_lines.file_modified_ns,
      fingerprint = store_lines.fingerprint, byte_offset = store_lines.byte_offset, line_number = store_lines.line_number,
      lines = p.lines + cardinality(texts) + store_lines.refused_before, events = p.events + count_events,
      unmatched = p.unmatched + cardinality(texts) - count_events - count_refused,
      refused = p.refused + count_refused + store_lines.refused_before, updated_at = clock_timestamp()
  where p.name = store_lines.name;
  return next;
end
$$;
comment on function postrider.store_lines(text, uuid, bigint, text, text, jsonpath, text, integer, text, bigint, text, bigint, bigint) is
  'Inserts one batch of lines as events and moves the position behind them. outcome: stored; repeated: it was stored before; displaced: another run goes on with the ingest, and nothing was done. refused: numbers of lines within the batch, from 1.';

create function postrider.close_ingest(name text, run_id uuid) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  delete from postrider.ingest_position p
  where p.name = close_ingest.name and p.run_id = close_ingest.run_id and p.path is null;
  select pg_advisory_unlock(postrider.ingest_lock_key(close_ingest.name));
end;
comment on function postrider.close_ingest(text, uuid) is
  'Ends a run: one that read its input leaves nothing behind, one that followed a file its position.';

create function postrider.forget_ingest(name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  forgotten jsonb;
begin
  if not pg_try_advisory_xact_lock(postrider.ingest_lock_key(forget_ingest.name)) then
    raise exception 'the ingest % is running', quote_literal(forget_ingest.name)
      using errcode = 'object_in_use', hint = 'Stop it first.';
  end if;
  delete from postrider.ingest_position p
  where p.name = forget_ingest.name
  returning to_jsonb(p) into forgotten;
  if not found then
    raise exception 'there is no ingest %', coalesce(quote_literal(forget_ingest.name), 'null')
      using errcode = 'no_data_found', hint = 'select name, path from postrider.ingest_position lists them.';
  end if;
  perform postrider.note_action('forget_ingest', null, null, forgotten);
end
$$;
comment on function postrider.forget_ingest(text) is
  'Forgets how far an ingest has got: the next one of that name begins anew. For files and hosts that are gone.';

alter function postrider.open_ingest security definer;
alter function postrider.store_lines security definer;
alter function postrider.close_ingest security definer;
alter function postrider.forget_ingest security definer;

do $$ begin perform postrider.grant_roles(); end $$;
