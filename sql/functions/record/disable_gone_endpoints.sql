create or replace function postrider_internal.disable_gone_endpoints(gone_endpoints uuid[], event_ids uuid[], endpoint_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- An endpoint that an operator is changing is not waited for: the next 410 disables it.
  perform postrider_internal.disable_failing(e.id, 'the receiver answered 410 Gone', event_ids, endpoint_ids)
  from (
    select n.id from postrider.endpoint n
    where n.id = any (gone_endpoints) and n.state <> 'disabled'
    for update skip locked) e;
end
$$;
comment on function postrider_internal.disable_gone_endpoints(uuid[], uuid[], uuid[]) is
  'Disables the endpoints whose receivers answered 410 Gone to one of these events.';
