create or replace function postrider_internal.blank_answers(event_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update postrider.delivery d
  set first_response_headers = null, first_response_body = null,
      -- A reason may quote the payload.
      reason = case when d.reason is not null then 'the event was erased' end
  where d.event_id = any (blank_answers.event_ids)
    and (d.first_response_headers is not null or d.first_response_body is not null or d.reason <> 'the event was erased');
  update postrider.other_attempt a
  set response_headers = null, response_body = null, error = case when a.error is not null then 'the event was erased' end
  where a.event_id = any (blank_answers.event_ids)
    and (a.response_headers is not null or a.response_body is not null or a.error <> 'the event was erased');
  delete from postrider.transformation t where t.event_id = any (blank_answers.event_ids);
end
$$;
comment on function postrider_internal.blank_answers(uuid[]) is
  'Overwrites what the receivers of these events answered, and what went wrong there, and deletes what was made of these events for them.';
