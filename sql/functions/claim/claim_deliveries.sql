-- grant: execute to daemon

create or replace function postrider_internal.claim_deliveries(
  daemon_id uuid, after_endpoint uuid, endpoints_max integer, deliveries_max integer, share_max integer, known_endpoints uuid[],
  known_rooms integer[], lease_margin_ms integer, payload_bytes_max integer
) returns table (
  event_id uuid,
  endpoint_id uuid,
  attempts integer,
  attempts_before integer,
  is_again boolean,
  deliver_at_ms bigint,
  event_type text,
  created_at json,
  context jsonb,
  payload json,
  batch_id uuid,
  ordering_seq bigint,
  is_limited boolean,
  revision bigint,
  lease_ms integer,
  next_due_ms bigint
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
-- Walks the endpoints that have pending deliveries, one index probe each, and takes a few due ones of each, so that an
-- endpoint with millions waiting costs the others nothing. A step over an endpoint that is paused, busy or not due is one
-- probe, whatever waits behind it. One call walks a part of the way, and the caller continues from where it ends.
declare
  discards_max constant integer := 1000;
  last uuid := coalesce(after_endpoint, '00000000-0000-0000-0000-000000000000');
  in_order uuid := last;
  target record;
  heads postrider_internal.found_heads;
  taken integer := 0;
  discarded integer := 0;
  share integer;
  look_again timestamptz;
  step_count integer;
  next_due timestamptz;
begin
  if not postrider_internal.require_home() then
    return next; return;
  end if;
  perform postrider_internal.finish_cancellations() where exists (select from postrider.cancellation);
  for step in 1 .. endpoints_max loop
    exit when taken >= deliveries_max or discarded >= discards_max;
    select d.endpoint_id, d.next_attempt_at, d.in_order, d.is_asked, e.ordered, e.state, e.kind, e.revision, e.timeout_ms + lease_margin_ms as lease_ms, e.signing, e.batch_delay_ms,
           e.is_limited, e.circuit_opened_at is not null as is_open, e.handshake_state <> 'granted' as is_unconsented,
           case when e.circuit_opened_at is not null then postrider_internal.probe_due(e.id) end as probe_at,
           -- What is made for one delivery goes alone, and is read behind the walk.
           case when e.transforms or e.has_transformed then 1 else e.batch_size end as batch_size,
           case when e.transforms or e.has_transformed then least(payload_bytes_max, 0) else payload_bytes_max end as bytes_max into target
    from postrider_internal.next_endpoint(last, in_order) d
    left join postrider.endpoint e on e.id = d.endpoint_id;
    last := target.endpoint_id;
    exit when last is null;
    in_order := target.in_order;
    if coalesce(target.state, 'disabled') = 'disabled' then
      -- They arrived while the endpoint went, such as a fan-out, or it is new: what waits is read later than the endpoint.
      step_count := postrider_internal.discard_leftovers(last, discards_max);
      discarded := discarded + coalesce(step_count, 0);
      next_due := least(next_due, case when step_count > 0 then now() when step_count is null then now() + interval '250 ms' end);
      continue;
    end if;
    continue when target.state = 'paused' or target.kind = 'pull' or target.is_unconsented or target.signing <> 'hmac' and not postrider_internal.has_signing_key(last);
    -- What a person asks for comes first, and does not wait for a probe.
    if target.next_attempt_at > now() and in_order is distinct from last or target.probe_at > now() and target.is_asked is not true then
      next_due := least(next_due, greatest(case when in_order is distinct from last then target.next_attempt_at end, target.probe_at));
      continue;
    end if;
    share := least(coalesce(known_rooms[array_position(known_endpoints, last)], share_max), deliveries_max - taken);
    look_again := null;
    if target.is_limited then
      select a.allowed, a.look_again into share, look_again from postrider_internal.find_allowance(last, share) a;
    end if;
    if share = 0 then
      -- The daemon walks again when a slot becomes free; this is for the case that none does.
      next_due := least(next_due, coalesce(look_again, now() + interval '250 ms'));
      continue;
    end if;
    heads := null;
    if in_order = last or target.ordered then
      heads := postrider_internal.find_heads(last, target.ordered, share, target.next_attempt_at,
        case when target.is_limited or target.is_open or target.bytes_max <= 0 then 0 else deliveries_max - taken end);
      next_due := least(next_due, case when not target.is_open then heads.next_due end);
    end if;
    return query
      select l.event_id, last, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload,
             l.batch_id, l.ordering_seq, target.is_limited, target.revision, target.lease_ms, null::bigint
      from postrider_internal.lease_deliveries(daemon_id, last, share, target.batch_size, target.batch_delay_ms, target.lease_ms, target.bytes_max,
        target.is_limited, target.is_open, heads) l;
    get diagnostics step_count = row_count;
    -- A batch has up to a mebibyte, and what share counts up to 32 KiB.
    taken := taken + case when target.batch_size > 1 then least(step_count, greatest(share, 32)) else step_count end;
    -- More of this endpoint may be due: the next walk returns to it, or a later one if its limits are reached now.
    next_due := least(next_due, case
      when target.is_open then greatest(postrider_internal.probe_due(last), case when step_count > 0 then now()
        when heads.keys is null and not heads.has_others then coalesce(heads.next_due, 'infinity') else now() + interval '250 ms' end)
      when step_count > 0 then coalesce(case when step_count = share and target.batch_size = 1 then look_again end, now())
      when target.batch_size > 1 then postrider_internal.batch_due(last, target.batch_delay_ms) end);
  end loop;
  -- The last row: where to continue, and when something is due of what was seen; bounded, because deliver_at may be infinity.
  endpoint_id := last;
  next_due_ms := case when next_due is not null then greatest(0, extract(epoch from least(next_due, now() + interval '1 day') - now()) * 1000) end;
  return next;
end
$$;
comment on function postrider_internal.claim_deliveries(uuid, uuid, integer, integer, integer, uuid[], integer[], integer, integer) is
  'Leases due deliveries to a daemon, a few of each endpoint; those with an ordering_seq and the same ordering key go one after the other, in its order; those with the same batch_id go in one request, which may be more than the endpoint has room for. The last row says after which endpoint to continue, null after the last one, and when more is due.';
