create or replace function postrider_internal.blank_answers(event_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  batches constant uuid[] := array(
    select distinct a.batch_id from postrider.other_attempt a
    where a.event_id = any (blank_answers.event_ids) and a.batch_id is not null);
begin
  update postrider.delivery d
  set first_response_headers = null, first_response_body = null,
      -- A reason may quote the payload.
      reason = case when d.reason is not null then 'the event was erased' end
  where d.event_id = any (blank_answers.event_ids)
    and (d.first_response_headers is not null or d.first_response_body is not null or d.reason <> 'the event was erased');
  -- One that is in progress keeps its key until it has ended, so that the next event of the key is not sent beside it.
  update postrider.delivery d
  set ordering_key = null, ordering_seq = null, halts = null
  where d.event_id = any (blank_answers.event_ids) and d.ordering_key is not null and d.state <> 'pending';
  update postrider.other_attempt a
  set response_headers = null, response_body = null, error = case when a.error is not null then 'the event was erased' end
  where a.event_id = any (blank_answers.event_ids)
    and (a.response_headers is not null or a.response_body is not null or a.error <> 'the event was erased');
  -- The answer to a batch is recorded with one of its events, and may repeat any of them.
  if cardinality(batches) > 0 then
    update postrider.other_attempt a
    set response_headers = null, response_body = null, error = case when a.error is not null then 'an event of the batch was erased' end
    where a.batch_id = any (batches) and a.event_id <> all (blank_answers.event_ids)
      and (a.response_headers is not null or a.response_body is not null
        or a.error not in ('an event of the batch was erased', 'the event was erased'));
  end if;
  delete from postrider.transformation t where t.event_id = any (blank_answers.event_ids);
end
$$;
comment on function postrider_internal.blank_answers(uuid[]) is
  'Overwrites what the receivers of these events answered, to batches with them too, and what went wrong there, and deletes what was made of these events for them.';
