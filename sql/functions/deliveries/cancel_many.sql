create or replace function postrider_internal.cancel_many(event_id uuid, endpoint_id uuid, reason text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  ended record;
begin
  ended := postrider_internal.end_deliveries(
    case when event_id is not null then array[event_id] end, endpoint_id, postrider_internal.cancel_reason(reason), replaces_marks => false);
  perform postrider_internal.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object(
    'reason', reason, 'discarded', ended.discarded, 'in_hand', ended.marked)));
  return format('%s discarded, %s in hand', ended.discarded, ended.marked)
    || case when ended.has_more then '; more may wait, so call it again' else '' end;
end
$$;
comment on function postrider_internal.cancel_many(uuid, uuid, text) is
  'Cancels the deliveries of an event, or those to an endpoint, up to 10,000 that wait, and returns how many.';
