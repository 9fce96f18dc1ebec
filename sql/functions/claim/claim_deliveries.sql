-- grant: execute to daemon

create or replace function postrider_internal.claim_deliveries(
  daemon_id uuid,
  after_endpoint uuid,
  endpoints_max integer,
  deliveries_max integer,
  share_max integer,
  known_endpoints uuid[],
  known_rooms integer[],
  lease_margin_ms integer,
  payload_bytes_max integer
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
  first record;
  target record;
  taken integer := 0;
  discarded integer := 0;
  share integer;
  step_count integer;
  next_due timestamptz;
  at_end boolean := false;
begin
  if not postrider_internal.require_home() then
    return next;
    return;
  end if;
  if exists (select from postrider.cancellation) then
    perform postrider_internal.finish_cancellations();
  end if;
  for step in 1 .. endpoints_max loop
    exit when taken >= deliveries_max or discarded >= discards_max;
    select d.endpoint_id, d.next_attempt_at into first
    from postrider.delivery d
    where d.state = 'pending' and d.endpoint_id > last
    order by d.endpoint_id, d.next_attempt_at
    limit 1;
    at_end := not found;
    exit when at_end;
    last := first.endpoint_id;
    select e.state, e.revision, e.timeout_ms + lease_margin_ms as lease_ms, e.signing, e.batch_delay_ms,
           case when e.transforms or e.has_transformed then 1 else e.batch_size end as batch_size,
           case when e.transforms or e.has_transformed then least(payload_bytes_max, 0) else payload_bytes_max end as bytes_max into target
    from postrider.endpoint e where e.id = last; -- what is made for one delivery goes alone, and is read behind the walk
    if not found or target.state = 'disabled' then
      -- Deliveries that arrived while the endpoint went, such as a first attempt that failed or a fan-out.
      step_count := postrider_internal.discard_deliveries(last, postrider_internal.discard_reason(target.state), discards_max);
      discarded := discarded + step_count;
      if step_count > 0 then
        next_due := now();
      end if;
      continue;
    end if;
    continue when target.state = 'paused' or target.signing <> 'hmac' and not postrider_internal.has_signing_key(last);
    if first.next_attempt_at > now() then
      next_due := least(next_due, first.next_attempt_at);
      continue;
    end if;
    share := least(coalesce(known_rooms[array_position(known_endpoints, last)], share_max), deliveries_max - taken);
    if share = 0 then
      -- The daemon walks again when a slot becomes free; this is for the case that none does.
      next_due := least(next_due, now() + interval '250 ms');
      continue;
    end if;
    return query
      select l.event_id, last, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload,
             l.batch_id, target.revision, target.lease_ms, null::bigint
      from postrider_internal.lease_deliveries(daemon_id, last, share, target.batch_size, target.batch_delay_ms, target.lease_ms, target.bytes_max) l;
    get diagnostics step_count = row_count;
    taken := taken + least(step_count, greatest(share, 32)); -- a batch has up to a mebibyte, and what share counts up to 32 KiB
    -- More of this endpoint may be due: the next walk returns to it.
    if step_count > 0 then
      next_due := now();
    elsif target.batch_size > 1 then
      next_due := least(next_due, postrider_internal.batch_due(last, target.batch_delay_ms));
    end if;
  end loop;
  -- The last row: the endpoint to continue after, null at the end, and in how many milliseconds something is due of what
  -- was seen, null if nothing waits. Bounded, because deliver_at may be infinity.
  endpoint_id := case when not at_end then last end;
  if next_due is not null then
    next_due_ms := greatest(0, extract(epoch from least(next_due, now() + interval '1 day') - now()) * 1000);
  end if;
  return next;
end
$$;
comment on function postrider_internal.claim_deliveries(uuid, uuid, integer, integer, integer, uuid[], integer[], integer, integer) is
  'Leases due deliveries to a daemon, a few of each endpoint; those with the same batch_id go in one request, which may be more than the endpoint has room for. The last row says after which endpoint to continue, null after the last one, and when more is due.';
