create or replace function postrider_internal.note_endpoint_event(event_type text, endpoint_id uuid, facts json) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  endpoint json;
begin
  -- An installation in which no one asks for these events has no rows of them.
  if not postrider_internal.is_subscribed(note_endpoint_event.event_type) then
    return;
  end if;
  select row_to_json(e) into endpoint
  from (
    select n.id as endpoint_id, n.name, n.shown_url as url, n.tenant
    from postrider.endpoint n where n.id = note_endpoint_event.endpoint_id) e;
  if endpoint is null then
    -- It was deleted during the attempt.
    return;
  end if;
  -- As texts, because jsonb would put the members into another order than people read them in. Outside of strings, JSON is
  -- ASCII, so a name or a reason that cannot reach a daemon keeps nobody from hearing of its endpoint.
  perform postrider_internal.insert_own_event(
    note_endpoint_event.event_type, postrider_internal.readable(rtrim(endpoint::text, '}') || ',' || ltrim(facts::text, '{'))::json);
end
$$;
comment on function postrider_internal.note_endpoint_event(text, uuid, json) is
  'Inserts one of Postrider''s own events about an endpoint, if anything is subscribed to it and the endpoint still exists: which one it is, without secrets, and these facts.';
