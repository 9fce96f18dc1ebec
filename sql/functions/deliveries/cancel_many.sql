create or replace function postrider_internal.cancel_many(event_id uuid, endpoint_id uuid, reason text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_variable
-- What a daemon has in hand is marked, and what waits is discarded, as in cancel(). It looks again until a look finds
-- nothing, because a delivery may change from one to the other in between.
declare
  discard_reason constant text := postrider_internal.cancel_reason(reason);
  discards_max constant integer := 10000;
  looks_max constant integer := 5;
  marked integer := 0;
  discarded integer := 0;
  count integer;
  last_count integer;
  ended_endpoints uuid[];
begin
  for look in 1 .. looks_max loop
    insert into postrider.cancellation (event_id, endpoint_id, reason)
    select f.event_id, f.endpoint_id, discard_reason
    from postrider.in_flight f
    where coalesce(f.event_id = event_id, f.endpoint_id = endpoint_id)
    order by f.event_id, f.endpoint_id
    on conflict on constraint cancellation_pkey do nothing;
    get diagnostics count = row_count;
    marked := marked + count;
    if event_id is null then
      last_count := postrider_internal.discard_deliveries(endpoint_id, discard_reason, discards_max - discarded);
    else
      with ended as (
        update postrider.delivery d
        set state = 'discarded', reason = discard_reason, finished_at = now(),
            next_attempt_at = null, leased_by = null, lease_expires_at = null
        where d.event_id = event_id and d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
        returning d.endpoint_id
      )
      select array_agg(e.endpoint_id) into ended_endpoints from ended e;
      perform postrider_internal.note_discards(ended_endpoints);
      last_count := coalesce(cardinality(ended_endpoints), 0);
    end if;
    discarded := discarded + last_count;
    exit when count + last_count = 0 or discarded >= discards_max;
  end loop;
  if marked > 0 then
    perform postrider_internal.notify_daemons('operator');
  end if;
  perform postrider_internal.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object(
    'reason', reason, 'discarded', discarded, 'in_hand', marked)));
  return format('%s discarded, %s in hand', discarded, marked)
    || case when discarded >= discards_max then '; more may wait, so call it again' else '' end;
end
$$;
comment on function postrider_internal.cancel_many(uuid, uuid, text) is
  'Cancels the deliveries of an event, or those to an endpoint, up to 10,000 that wait, and returns how many.';
