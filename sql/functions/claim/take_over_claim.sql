-- grant: execute to daemon

create or replace function postrider_internal.take_over_claim(
  daemon_id uuid,
  known_claims bigint[],
  payload_bytes_max integer
) returns table (
  claim_id bigint,
  former_daemon_id uuid,
  event_id uuid,
  event_type text,
  created_at json,
  context jsonb,
  payload json,
  endpoint_ids text,
  endpoint_id uuid,
  revision bigint
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
-- A claim is taken over if its daemon has not beaten within its lease. It is adopted if it is the caller's own but not in
-- its memory, because the answer to the commit of the claim was lost. What is recorded already is left out.
declare
  found_claim record;
  express_events uuid[];
  express_endpoints uuid[];
  discarded uuid[];
  cancelled uuid[];
begin
  if not postrider_internal.require_home() then
    return;
  end if;
  loop
    select c.id, c.daemon_id, c.event_ids, c.endpoint_ids into found_claim
    from postrider.claim c
    where cardinality(c.event_ids) > 0
      and c.id <> all (known_claims)
      and (c.daemon_id = take_over_claim.daemon_id
        or not exists (select from postrider.daemon d where d.id = c.daemon_id and d.lease_expires_at > now()))
    order by c.id
    limit 1
    for update skip locked;
    if not found then
      -- A claim that lost its pairs below as the cursor, while a newer one was being committed.
      delete from postrider.claim c
      where cardinality(c.event_ids) = 0 and c.id < (select n.id from postrider.claim n order by n.id desc limit 1);
      return;
    end if;

    with stored as (
      insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason)
      select p.event_id, p.endpoint_id,
             case when waits then 'pending' else 'discarded' end,
             case when waits then now() end,
             case when waits then null else now() end,
             case when not waits then coalesce(c.reason, postrider_internal.discard_reason(e.state)) end
      from unnest(found_claim.event_ids, found_claim.endpoint_ids) p (event_id, endpoint_id)
      left join postrider.endpoint e on e.id = p.endpoint_id
      left join postrider.cancellation c on c.event_id = p.event_id and c.endpoint_id = p.endpoint_id
      cross join lateral (
        select c.reason is null and coalesce(e.state = 'paused' or e.state = 'active' and e.circuit_opened_at is not null, false)) w (waits)
      where e.state is distinct from 'active' or e.circuit_opened_at is not null or c.reason is not null
      on conflict do nothing
      returning state, endpoint_id, reason
    )
    select array_agg(s.endpoint_id) filter (where s.reason in (postrider_internal.discard_reason(null), postrider_internal.discard_reason('disabled'))),
           array_agg(s.endpoint_id) filter (where s.reason not in (postrider_internal.discard_reason(null), postrider_internal.discard_reason('disabled')))
    into discarded, cancelled from stored s where s.state = 'discarded';
    perform postrider_internal.note_discards(discarded, false), postrider_internal.note_discards(cancelled, true);

    select array_agg(p.event_id order by p.n), array_agg(p.endpoint_id order by p.n)
    into express_events, express_endpoints
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) with ordinality p (event_id, endpoint_id, n)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0);

    if express_events is not null then
      update postrider.claim c
      set daemon_id = take_over_claim.daemon_id, event_ids = express_events, endpoint_ids = express_endpoints, xid = default
      where c.id = found_claim.id;
      exit;
    end if;
    -- All of it is recorded: the claim goes, or loses its pairs if it is the cursor.
    delete from postrider.claim c
    where c.id = found_claim.id and c.id < (select n.id from postrider.claim n order by n.id desc limit 1);
    if not found then
      update postrider.claim c set event_ids = '{}', endpoint_ids = '{}', xid = default where c.id = found_claim.id;
    end if;
  end loop;

  return query
    select found_claim.id, found_claim.daemon_id, null::uuid, null::text, null::json, null::jsonb, null::json, null::text, e.id, e.revision
    from postrider.endpoint e
    where e.id in (select u from unnest(express_endpoints) u);
  return query
    select found_claim.id, found_claim.daemon_id, p.event_id, e.event_type, postrider_internal.event_time(e.created_at), e.context,
           e.payload, p.endpoint_ids, null::uuid, null::bigint
    from (
      select u.event_id, string_agg(u.endpoint_id::text, ',') as endpoint_ids, min(u.n) as n
      from unnest(express_events, express_endpoints) with ordinality u (event_id, endpoint_id, n)
      group by u.event_id) p
    left join lateral postrider_internal.find_event(p.event_id, payload_bytes_max) e on true
    order by p.n;
end
$$;
comment on function postrider_internal.take_over_claim(uuid, bigint[], integer) is
  'Takes over one claim of a daemon that is gone, or adopts one of the caller''s own that it does not know of; no rows if there is none.';
