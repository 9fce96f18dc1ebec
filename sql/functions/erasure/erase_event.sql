-- grant: execute to operator

create or replace function postrider.erase_event(event_id uuid, reason text default null, out discarded bigint, out in_flight bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  ended record;
begin
  perform postrider_internal.require_event(event_id);
  ended := postrider_internal.erase_events(array[event_id]);
  discarded := ended.discarded;
  in_flight := ended.in_flight;
  perform postrider_internal.note_action('erase_event', null, event_id, jsonb_strip_nulls(jsonb_build_object(
    'reason', reason, 'discarded', discarded, 'in_flight', in_flight)));
end
$$;
comment on function postrider.erase_event(uuid, text) is
  'Overwrites what an event says: its payload, attributes and keys, what its receivers answered, and what the audit has of it. Use it if the data must go before the retention ends. Deliveries that wait are discarded; requests in flight finish and are recorded without their answers. Id, type, tenant and times stay, and a row in the audit says that it was erased.';
