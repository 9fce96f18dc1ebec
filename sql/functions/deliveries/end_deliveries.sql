create or replace function postrider_internal.end_deliveries(
  event_ids uuid[], endpoint_id uuid, reason text, replaces_marks boolean,
  out discarded integer, out marked integer, out has_more boolean
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- What waits is discarded, and then all that is unfinished is marked in one statement, as in cancel(). A delivery that was
-- leased meanwhile, or recorded to be sent again, has a mark for that: the daemon drops it, or the next walk discards it.
declare
  discards_max constant integer := 10000;
  ended uuid[];
begin
  has_more := false;
  if event_ids is null then
    discarded := postrider_internal.discard_deliveries(end_deliveries.endpoint_id, end_deliveries.reason, discards_max);
    has_more := discarded = discards_max;
  else
    with ended as (
      update postrider.delivery d
      set state = 'discarded', reason = end_deliveries.reason, finished_at = now(),
          next_attempt_at = null, leased_by = null, lease_expires_at = null
      where d.event_id = any (event_ids) and d.event_id between event_ids[1] and event_ids[cardinality(event_ids)]
        and d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
      returning d.endpoint_id
    )
    select array_agg(e.endpoint_id) into ended from ended e;
    perform postrider_internal.note_discards(ended, true);
    discarded := coalesce(cardinality(ended), 0);
  end if;
  insert into postrider.cancellation (event_id, endpoint_id, reason)
  select u.event_id, u.endpoint_id, end_deliveries.reason
  from (
    select f.event_id, f.endpoint_id
    from postrider.in_flight f
    where case when event_ids is null then f.endpoint_id = end_deliveries.endpoint_id else f.event_id in (select unnest(event_ids)) end
    union
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.event_id = any (event_ids) and d.event_id between event_ids[1] and event_ids[cardinality(event_ids)] and d.state = 'pending'
    union
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where event_ids is null and not has_more and d.endpoint_id = end_deliveries.endpoint_id and d.state = 'pending') u
  order by u.event_id, u.endpoint_id
  on conflict on constraint cancellation_pkey do update set reason = excluded.reason where replaces_marks;
  get diagnostics marked = row_count;
  if marked > 0 then
    perform postrider_internal.notify_daemons('operator');
  end if;
end
$$;
comment on function postrider_internal.end_deliveries(uuid[], uuid, text, boolean) is
  'Ends the deliveries of some events, given in their order, or, if these are null, those to an endpoint, up to 10,000 that wait. Returns how many it discarded, and how many it marked because a daemon has them in hand; has_more: whether more may wait. replaces_marks: whether this reason replaces that of an earlier mark.';
