-- grant: execute to daemon
--
-- A pull endpoint in one paragraph. Its deliveries wait in the queue like any others, and no walk leases them. When its
-- receiver asks, those that are due get places, in the order in which they became due: first come the deliveries of earlier
-- claims. Places are given while the endpoint's row of pull_position is locked, so they are committed in their order, and a
-- cursor is a place: whatever is made later, by a claim of an older transaction, a replay or a redelivery, gets a later
-- place. A page is what follows a place. It costs the same at any depth, because it is a range of an index. Asking for what
-- follows a place acknowledges everything up to it, for all who fetch from the endpoint. What was acknowledged keeps its
-- place as long as it is retained, so a second receiver that is slower gets it all the same.

create or replace function postrider_internal.fetch_events(
  listener_id uuid, endpoint_id uuid, after_cursor text, events_max integer, bytes_max integer, item_bytes_max integer, unreadable text, with_large boolean
) returns table (
  outcome text,
  next_cursor text,
  has_more boolean,
  event_id uuid,
  event_type text,
  created_at json,
  context jsonb,
  payload json
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
declare
  payload_bytes_max constant integer := 2147483647;
  is_on constant boolean := postrider_internal.require_home(may_move_in => false);
  receiver record;
  known record;
  after_place bigint;
  -- No record: naming a field of one that nothing was assigned to fails as soon as the expression is planned.
  seen integer;
  next_place bigint;
  page_ids uuid[];
  is_large boolean;
  too_large uuid;
  is_well boolean;
  wanted integer := 0;
begin
  select e.state, e.revision, e.signing into receiver from postrider.endpoint e where e.id = fetch_events.endpoint_id and e.kind = 'pull';
  if not found or receiver.state = 'disabled' then
    outcome := case when found then 'disabled' else 'unknown' end;
    return next; return;
  end if;
  if not exists (select from postrider.pull_position p where p.endpoint_id = fetch_events.endpoint_id) then
    insert into postrider.pull_position (endpoint_id) values (fetch_events.endpoint_id) on conflict on constraint pull_position_pkey do nothing;
  end if;
  select p.last_place, p.acknowledged_place, p.gone_place, p.cursor_key into known
  from postrider.pull_position p
  where p.endpoint_id = fetch_events.endpoint_id;
  after_place := case when after_cursor is null then greatest(known.acknowledged_place, known.gone_place)
    else postrider_internal.cursor_place(known.cursor_key, fetch_events.endpoint_id, after_cursor) end;
  if after_place is null or after_place < known.gone_place then
    outcome := case when after_place is null then 'foreign' else 'gone' end;
    -- A slower receiver goes on right behind what is gone, and not behind what another one has acknowledged.
    next_cursor := postrider_internal.pull_cursor(known.cursor_key, fetch_events.endpoint_id,
      case when after_place is null then greatest(known.acknowledged_place, known.gone_place) else known.gone_place end);
    return next; return;
  end if;
  is_well := is_on and receiver.state = 'active' and (receiver.signing = 'hmac' or postrider_internal.has_signing_key(fetch_events.endpoint_id));
  if is_well and unreadable is not null then
    outcome := 'page';
    has_more := true;
    next_cursor := postrider_internal.pull_cursor(known.cursor_key, fetch_events.endpoint_id,
      postrider_internal.skip_unreadable(listener_id, fetch_events.endpoint_id, receiver.revision, after_place, unreadable));
    return next; return;
  end if;
  if is_well then
    select p.seen, p.next_place, p.event_ids, p.is_large, p.too_large into seen, next_place, page_ids, is_large, too_large
    from postrider_internal.pull_page(fetch_events.endpoint_id, after_place, events_max, bytes_max, item_bytes_max) p;
    if seen < events_max and postrider_internal.has_unplaced(fetch_events.endpoint_id, greatest(known.acknowledged_place, after_place)) then
      wanted := events_max - seen;
    end if;
  end if;
  if after_place > known.acknowledged_place or wanted > 0 then
    if not postrider_internal.advance_pull(listener_id, fetch_events.endpoint_id, receiver.revision, after_place, wanted) then
      outcome := 'foreign';
      next_cursor := postrider_internal.pull_cursor(known.cursor_key, fetch_events.endpoint_id, known.acknowledged_place);
      return next; return;
    end if;
    if wanted > 0 then
      select p.seen, p.next_place, p.event_ids, p.is_large, p.too_large into seen, next_place, page_ids, is_large, too_large
      from postrider_internal.pull_page(fetch_events.endpoint_id, after_place, events_max, bytes_max, item_bytes_max) p;
    end if;
  end if;
  if is_well and too_large is not null then
    perform postrider_internal.discard_pulled(fetch_events.endpoint_id, too_large, format('the payload has more than %s bytes', item_bytes_max));
  end if;
  if is_well and is_large and too_large is null and not with_large then
    outcome := 'large';
    return next; return;
  end if;
  outcome := case when is_well then 'page' else 'paused' end;
  next_cursor := postrider_internal.pull_cursor(known.cursor_key, fetch_events.endpoint_id, case when is_well then next_place else after_place end);
  has_more := is_well and seen >= events_max;
  return next;
  if is_well and page_ids is not null then
    return query
      select null::text, null::text, null::boolean, e.id, e.event_type, postrider_internal.event_time(e.created_at), e.context, e.payload
      from unnest(page_ids) with ordinality u (id, n)
      cross join lateral postrider_internal.find_event(u.id, payload_bytes_max) e
      order by u.n;
  end if;
end
$$;
comment on function postrider_internal.fetch_events(uuid, uuid, text, integer, integer, integer, text, boolean) is
  'A page of a pull endpoint behind a cursor, or behind what was acknowledged if that is null; acknowledges everything up to it. unreadable: why the event that follows cannot be given, and so is discarded; null otherwise. The first row gives the outcome (page; paused: the endpoint is, or waits for a key, or sending is switched off, and there are no events; large: the next event has more bytes than a page, and with_large does not allow that; disabled; unknown: there is no such pull endpoint; foreign: the cursor is none of it; gone: something behind the cursor is past its retention) and the next cursor: behind the page, or from where on nothing is missing if the given one is refused. Each further row is an event.';
