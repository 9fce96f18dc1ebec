-- grant: execute to operator

create or replace function postrider.skip(event_id uuid, endpoint_id uuid, reason text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  skipped record;
begin
  select d.state, d.halts, d.ordering_key into skipped
  from postrider.delivery d
  where d.event_id = event_id and d.endpoint_id = endpoint_id
  for update;
  if not found then
    raise exception 'there is no delivery of event % to endpoint %', coalesce(event_id::text, 'null'), coalesce(endpoint_id::text, 'null')
      using errcode = 'no_data_found', hint = 'postrider.halted_key lists what halts an ordering key.';
  elsif skipped.state <> 'exhausted' or skipped.halts is null then
    raise exception 'the delivery of event % to endpoint % does not halt an ordering key', event_id, endpoint_id
      using errcode = 'object_not_in_prerequisite_state', detail = format('It is %s.', skipped.state),
        hint = case when skipped.state = 'pending' then 'To give it up: select postrider.cancel(event_id, endpoint_id).' else 'postrider.halted_key lists what does.' end;
  end if;
  update postrider.delivery d set halts = null where d.event_id = event_id and d.endpoint_id = endpoint_id;
  perform postrider_internal.note_action('skip', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object(
    'ordering_key', skipped.ordering_key, 'reason', reason)));
  perform postrider_internal.notify_daemons('operator');
  return skipped.ordering_key;
end
$$;
comment on function postrider.skip(uuid, uuid, text) is
  'Passes over an exhausted event that halts its ordering key, so that the next event of the key is sent. Use it if the receiver can do without this one. The delivery stays exhausted, and can be sent again by redeliver() or replay(). Returns the key.';
