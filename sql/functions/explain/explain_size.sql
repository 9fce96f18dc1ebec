create or replace function postrider_internal.explain_size(endpoint_id uuid, event_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce((
    select format('; the receiver fetches its payload, which has %s bytes, more than the endpoint''s inline_limit', octet_length(o.payload::text))
           || case when not exists (select from postrider.daemon d where d.lease_expires_at > now() and d.public_url is not null)
                then ': that needs a daemon with POSTRIDER_PUBLIC_URL, and none runs' else '' end
    from postrider.endpoint e
    join postrider.outbox o on o.id = explain_size.event_id
    where e.id = explain_size.endpoint_id and postrider_internal.is_thin(o.payload, e.inline_limit)), '');
end;
comment on function postrider_internal.explain_size(uuid, uuid) is
  'That an event is too large to be sent with its payload, as the end of a sentence; empty if it is not.';
