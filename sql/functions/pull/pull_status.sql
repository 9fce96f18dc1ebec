-- grant: select to reader, operator

create or replace view postrider.pull_status as
  select e.id as endpoint_id, e.tenant, e.name, e.state,
         p.given_at, p.acknowledged_at,
         (select count(*) from (
           select from postrider.delivery d
           where d.endpoint_id = e.id and d.pull_place is not null and d.pull_place > p.acknowledged_place and d.state = 'pending'
           limit 10000) u) as unacknowledged,
         (select count(*) from postrider.pull_token t where t.endpoint_id = e.id and (t.expires_at is null or t.expires_at > now())) as tokens
  from postrider.endpoint e
  left join postrider.pull_position p on p.endpoint_id = e.id
  where e.kind = 'pull';
comment on view postrider.pull_status is
  'How far each pull endpoint was fetched from. What waits for it is in postrider.backlog.';
comment on column postrider.pull_status.endpoint_id is 'The endpoint.';
comment on column postrider.pull_status.tenant is 'Its tenant.';
comment on column postrider.pull_status.name is 'Its name; null if it has none.';
comment on column postrider.pull_status.state is 'active, paused or disabled.';
comment on column postrider.pull_status.given_at is 'When its receiver last got events that it had not got before; null if it never did.';
comment on column postrider.pull_status.acknowledged_at is 'When its receiver last acknowledged some; null if it never did.';
comment on column postrider.pull_status.unacknowledged is 'Deliveries that were given, or are next to be, and are not acknowledged, up to 10,000.';
comment on column postrider.pull_status.tokens is 'How many of its tokens are valid; without one nothing can be fetched.';
