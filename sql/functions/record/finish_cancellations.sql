create or replace function postrider_internal.finish_cancellations() returns void
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
-- A cancel that found its delivery in hand, and crossed with the record of it so that neither saw the other, finds the
-- delivery pending here, before it can be leased again. No lock is waited for: the session that has a row locked
-- handles it.
declare
  erased_events uuid[];
  discarded uuid[];
begin
  with cancelled as (
    select c.event_id, c.endpoint_id, c.reason
    from postrider.cancellation c
    join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by c.event_id, c.endpoint_id
    for update of c, d skip locked
  ), discarded as (
    update postrider.delivery d
    set state = 'discarded', reason = cancelled.reason, finished_at = now(),
        next_attempt_at = null, leased_by = null, lease_expires_at = null
    from cancelled
    where d.event_id = cancelled.event_id and d.endpoint_id = cancelled.endpoint_id
    returning d.endpoint_id
  )
  select array_agg(d.endpoint_id) into discarded from discarded d;
  perform postrider_internal.note_discards(discarded, true);
  with ended as (
    select c.event_id, c.endpoint_id
    from postrider.cancellation c
    left join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where case when d.event_id is not null then d.state <> 'pending'
               else not exists (select from postrider.claim h where c.event_id = any (h.event_ids)) end
    order by c.event_id, c.endpoint_id
    for update of c skip locked
  ), finished as (
    delete from postrider.cancellation c
    using ended
    where c.event_id = ended.event_id and c.endpoint_id = ended.endpoint_id
    returning c.event_id
  )
  select array_agg(f.event_id) into erased_events
  from finished f
  where exists (
    select from postrider.outbox o where o.id = f.event_id and o.erased_at is not null
    offset 0);
  -- The result may have been recorded while the event was being erased.
  if erased_events is not null then
    perform postrider_internal.blank_answers(erased_events);
  end if;
end
$$;
comment on function postrider_internal.finish_cancellations() is
  'Discards what was cancelled while a daemon had it in hand and is in no daemon''s hand any more, and deletes cancels whose delivery has ended.';
