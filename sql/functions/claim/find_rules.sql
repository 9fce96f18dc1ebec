create or replace function postrider_internal.find_rules(tenant text, pattern text)
returns table (endpoint_id uuid, filter jsonpath, is_express boolean, revision bigint)
language sql stable
-- Without a setting, so that Postgres inlines it: one look-up of the rules, and one for each of their endpoints. Joins that
-- were planned while there were few rules became hash joins, which read every rule of the tenant for each page as long as
-- the session lasted. Given several patterns as one array, Postgres 15 and 16 do the same.
begin atomic
  select r.endpoint_id, r.filter, e.is_express, e.revision
  from (
    select s.endpoint_id, s.filter
    from postrider.subscription s
    where s.tenant = find_rules.tenant and s.event_type = find_rules.pattern
    offset 0) r
  cross join lateral (
    select n.state = 'active' and n.kind = 'push' and n.batch_size = 1 and not n.transforms and not n.ordered and not n.is_limited and n.circuit_opened_at is null
             and (n.handshake_state is null or n.handshake_state = 'granted')
             and (n.signing = 'hmac' or postrider_internal.has_signing_key(n.id)) as is_express, n.revision
    from postrider.endpoint n
    where n.id = r.endpoint_id and n.state <> 'disabled'
    offset 0) e
  offset 0;
end;
comment on function postrider_internal.find_rules(text, text) is
  'The subscriptions of a tenant with exactly this pattern, and the endpoint of each unless that is disabled. is_express: it takes first attempts from memory, because it is sent its events, is not paused, its circuit is closed, its receiver consents, it gets no batches, transforms nothing, is not ordered, has no limits, and has the key that its requests are signed with.';
