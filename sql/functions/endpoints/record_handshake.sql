-- grant: execute to daemon

create or replace function postrider_internal.record_handshake(
  endpoint_id uuid, asking bigint, is_granted boolean, allowed_rate integer, http_status smallint, reason text
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  first_wait constant interval := interval '30 s';
  doublings_max constant integer := 10;
  present record;
  rate constant numeric := case when allowed_rate is not null then greatest(0.001, least(100000, trunc(allowed_rate / 60.0, 3))) end;
begin
  -- Another URL has another row. A revision would say too much: a secret that is sealed meanwhile is a new one. A daemon waits
  -- for no operator.
  select e.handshake_state, e.receiver_rate into present
  from postrider.endpoint e
  join postrider.endpoint_handshake h on h.endpoint_id = e.id
  where e.id = endpoint_id and (extract(epoch from h.next_at) * 1000000)::bigint = asking
  for no key update skip locked;
  if not found then
    return false;
  end if;
  update postrider.endpoint_handshake h
  set asked_at = now(),
      next_at = case when not is_granted then now() + first_wait * 2 ^ least(h.refusals, doublings_max) end,
      granted_at = case when is_granted then now() else h.granted_at end,
      allowed_rate = case when is_granted then allowed_rate else h.allowed_rate end,
      refusals = case when is_granted then 0 else h.refusals + 1 end,
      http_status = http_status,
      reason = reason
  where h.endpoint_id = endpoint_id;
  if is_granted and (present.handshake_state <> 'granted' or rate is distinct from present.receiver_rate)
    or not is_granted and present.handshake_state <> 'refused'
  then
    perform postrider_internal.begin_action('record_handshake', endpoint_id, jsonb_strip_nulls(jsonb_build_object(
      'allowed_rate', allowed_rate, 'http_status', http_status, 'reason', reason)));
    update postrider.endpoint e
    set handshake_state = case when is_granted then 'granted' else 'refused' end,
        receiver_rate = case when is_granted then rate else e.receiver_rate end
    where e.id = endpoint_id;
    perform postrider_internal.end_action();
    perform postrider_internal.notify_daemons('operator');
  end if;
  return true;
end
$$;
comment on function postrider_internal.record_handshake(uuid, bigint, boolean, integer, smallint, text) is
  'Notes what a receiver said to a handshake. False if its endpoint has another URL since, needs no consent any more or was disabled, if an operator asks again, or is changing the endpoint at this moment.';
