-- grant: execute to daemon

create or replace function postrider_internal.find_payload(
  endpoint_id uuid, event_id uuid,
  out is_disabled boolean, out is_there boolean, out secrets text[], out secret_kinds text[]
) returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
begin atomic
  select e.state = 'disabled',
         exists (select from postrider.outbox o where o.id = find_payload.event_id and o.erased_at is null)
         -- A first attempt from memory has no row yet while its receiver fetches.
         and (exists (
                select from postrider.delivery d
                where d.event_id = find_payload.event_id and d.endpoint_id = find_payload.endpoint_id)
           or exists (
                select from postrider.claim c
                where find_payload.event_id = any (c.event_ids)
                  and exists (
                    select from unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
                    where p.event_id = find_payload.event_id and p.endpoint_id = find_payload.endpoint_id))),
         s.secrets, s.kinds
  from postrider.endpoint e
  cross join lateral (
    select array_agg(s.secret::text order by s.created_at desc, s.id desc) as secrets,
           array_agg(s.kind::text order by s.created_at desc, s.id desc) as kinds
    from postrider.endpoint_secret s
    where s.endpoint_id = e.id and s.kind in ('hmac', 'ed25519') and s.secret is not null
      and (s.expires_at is null or s.expires_at > now())) s
  where e.id = find_payload.endpoint_id and s.secrets is not null;
end;
comment on function postrider_internal.find_payload(uuid, uuid) is
  'What decides whether the payload of an event may be fetched with a token of an endpoint: the secrets that sign tokens, newest first, and whether the endpoint is disabled and was sent the event, which is still there. No row if there is no such endpoint.';
