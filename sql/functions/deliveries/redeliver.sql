-- grant: execute to operator

create or replace function postrider.redeliver(event_id uuid, endpoint_id uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  chosen uuid[];
begin
  perform postrider_internal.require_sendable(event_id, endpoint_id);
  -- In the order of the endpoints, so that two calls for one event cannot deadlock.
  chosen := array(
    select d.endpoint_id
    from postrider.delivery d
    join postrider.endpoint e on e.id = d.endpoint_id
    where d.event_id = event_id and (d.lease_expires_at is null or d.lease_expires_at <= now())
      and case when endpoint_id is not null then d.endpoint_id = endpoint_id
               -- All of them does not undo what was decided about one.
               else e.state <> 'disabled' and e.tenant = (select o.tenant from postrider.outbox o where o.id = event_id)
                 and (d.state <> 'discarded' or not postrider_internal.is_cancelled(d.reason)) end
    order by d.endpoint_id
    for update of d);
  if cardinality(chosen) = 0 then
    perform postrider_internal.refuse_redelivery(event_id, endpoint_id);
  end if;
  update postrider.delivery d
  set state = 'pending', next_attempt_at = postrider_internal.asked_time(d.endpoint_id, postrider_internal.due_time(event_id)), is_asked = true, finished_at = null, reason = null,
      attempts_before = d.attempts, leased_by = null, lease_expires_at = null, batch_id = null,
      pull_place = postrider_internal.kept_place(d.endpoint_id, d.pull_place),
      -- A replay that has finished with it no longer counts it.
      replay_id = case when d.state = 'pending' then d.replay_id end,
      state_before = case when d.state = 'pending' then d.state_before end,
      (ordering_key, ordering_seq) = (
        select p.ordering_key, p.ordering_seq from postrider_internal.place_in_order(d.event_id, d.endpoint_id, true) p)
  where d.event_id = event_id and d.endpoint_id = any (chosen);
  -- A person's decision: it is made anew, by what the endpoint says now.
  delete from postrider.transformation t where t.event_id = event_id and t.endpoint_id = any (chosen);
  -- An earlier cancel whose daemon has died since.
  delete from postrider.cancellation c where c.event_id = event_id and c.endpoint_id = any (chosen);
  perform postrider_internal.note_action('redeliver', endpoint_id, event_id,
    case when endpoint_id is null then jsonb_build_object('endpoints', cardinality(chosen)) end);
  perform postrider_internal.notify_daemons('operator');
  return cardinality(chosen);
end
$$;
comment on function postrider.redeliver(uuid, uuid) is
  'Makes one more attempt of a delivery now, whatever its state, but not before the event''s deliver_at. Use it for a single event that a receiver has lost or failed to process; for a range, use replay(). Without an endpoint (null) it does so for each delivery of the event, except those that are in flight or were cancelled, and those to endpoints that are disabled. Returns how many. At an ordered endpoint it takes its place in its key, before what waits there. Attempts are numbered on, and a failure follows the retry schedule from its beginning.';
