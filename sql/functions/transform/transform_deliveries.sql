-- grant: execute to daemon

create or replace function postrider_internal.transform_deliveries(
  daemon_id uuid,
  event_ids uuid[],
  endpoint_ids uuid[],
  payload_bytes_max integer,
  is_given_up boolean
) returns table (
  event_id uuid,
  endpoint_id uuid,
  payload json,
  payload_bytes integer,
  headers jsonb,
  problem text,
  is_discarded boolean
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- What a delivery sends is decided before its first attempt and stored, so each attempt sends the same, whatever becomes
-- of the option. A delivery that began without a transformation ends without one.
--
-- A call ends, after one delivery at least, when it has taken so long. The others, those whose event someone else has
-- locked, and those that the daemon does not hold any more have no row, and are to be asked for again. The endpoints take
-- turns, in a random order, so that a slow transformation keeps no other one from its turn for ever.
--
-- is_given_up: what has yet to be made is not, because that has outlasted the deadline of the statement several times.
declare
  time_max constant interval := '250 ms';
  started constant timestamptz := clock_timestamp();
  plans postrider_internal.transformation_plan[] := array(
    select postrider_internal.plan_transformation(t.id) from (select distinct u.id from unnest(endpoint_ids) u (id)) t);
  plan postrider_internal.transformation_plan;
  pair record;
  event record;
  stored record;
  made record;
  has_answered boolean := false;
begin
  for pair in
    select d.event_id, d.endpoint_id, d.attempts > d.attempts_before as has_begun
    from (
      select u.event_id, u.endpoint_id, row_number() over (partition by u.endpoint_id order by u.n) as turn
      from unnest(event_ids, endpoint_ids) with ordinality u (event_id, endpoint_id, n)) w
    cross join lateral (
      select l.event_id, l.endpoint_id, l.attempts, l.attempts_before
      from postrider.delivery l
      where l.event_id = w.event_id and l.endpoint_id = w.endpoint_id and l.leased_by = transform_deliveries.daemon_id
      offset 0) d
    order by w.turn, random()
  loop
    exit when has_answered and clock_timestamp() - started > time_max;
    event_id := pair.event_id;
    endpoint_id := pair.endpoint_id;
    payload := null;
    headers := null;
    problem := null;
    is_discarded := false;
    select t.payload, t.headers, octet_length(t.payload::text) as bytes into stored
    from postrider.transformation t
    where t.event_id = pair.event_id and t.endpoint_id = pair.endpoint_id;
    if not found and not pair.has_begun then
      plan := (select p from unnest(plans) p where p.endpoint_id = pair.endpoint_id);
      if plan.endpoint_id is not null then
        -- Locked until this transaction ends, so that erasing the event finds what is stored here.
        select o.payload, postrider_internal.event_facts(o.id, o.event_type, o.created_at, o.tenant, o.ordering_key, o.attributes) as facts
        into event
        from postrider.outbox o
        where o.id = pair.event_id and o.erased_at is null
        for share skip locked;
        continue when not found;
        if is_given_up then
          select null::text as transformed, null::jsonb as headers, 'it outlasted the deadline of a statement, again and again' as problem into made;
        else
          made := postrider_internal.transform_event(plan, event.payload, event.facts);
        end if;
        problem := made.problem;
        is_discarded := problem is not null and plan.fallback = 'discard';
        if not is_discarded then
          insert into postrider.transformation (event_id, endpoint_id, endpoint_revision, payload, headers, problem)
          values (pair.event_id, pair.endpoint_id, plan.revision, made.transformed::json, made.headers, made.problem)
          on conflict on constraint transformation_pkey do nothing;
          continue when not found; -- an earlier call whose answer was lost has just stored it
        end if;
        select made.transformed::json as payload, made.headers as headers, octet_length(made.transformed) as bytes into stored;
      end if;
    end if;
    headers := stored.headers;
    payload_bytes := stored.bytes;
    if payload_bytes is not null then
      payload := case when payload_bytes <= payload_bytes_max then stored.payload end;
    elsif not is_discarded then
      select postrider_internal.small_payload(o.payload, payload_bytes_max) into payload
      from postrider.outbox o where o.id = pair.event_id and o.erased_at is null;
    end if;
    has_answered := true;
    return next;
  end loop;
end
$$;
comment on function postrider_internal.transform_deliveries(uuid, uuid[], uuid[], integer, boolean) is
  'What these deliveries, which the daemon has leased, send: the payload, up to so many bytes; payload_bytes: its size, null if it is that of the event, untransformed; headers: those that have paths. problem: why the transformation cannot be applied; the delivery is sent whole, or is_discarded. is_given_up: nothing is made, because that has taken too long several times.';
