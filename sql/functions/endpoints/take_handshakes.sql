-- grant: execute to daemon

create or replace function postrider_internal.take_handshakes(handshakes_max integer)
returns table (endpoint_id uuid, revision bigint, asking bigint)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  -- Longer than a daemon waits for an answer. If it dies meanwhile, another one asks.
  update postrider.endpoint_handshake h
  set next_at = now() + interval '30 s'
  from postrider.endpoint e
  where e.id = h.endpoint_id
    and h.endpoint_id in (
      select d.endpoint_id
      from postrider.endpoint_handshake d
      where d.next_at <= now() and (select s.is_on from postrider.sending s where s.is_row)
      order by d.next_at
      limit take_handshakes.handshakes_max
      for update skip locked)
  returning h.endpoint_id, e.revision, (extract(epoch from h.next_at) * 1000000)::bigint;
end;
comment on function postrider_internal.take_handshakes(integer) is
  'The endpoints whose receivers are to be asked for their consent now, for one daemon. asking: what record_handshake() knows this request by.';
