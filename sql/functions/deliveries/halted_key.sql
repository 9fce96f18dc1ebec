-- grant: select to reader, operator

create or replace view postrider.halted_key as
  select d.endpoint_id, e.tenant, e.name, e.shown_url as url, d.ordering_key, d.event_id,
         (select o.event_type from postrider.outbox o where o.id = d.event_id) as event_type,
         d.finished_at as halted_at,
         (select count(*)
          from (
            select
            from postrider.delivery w
            where w.endpoint_id = d.endpoint_id and w.ordering_key = d.ordering_key and w.ordering_seq > d.ordering_seq
              and w.ordering_seq is not null and (w.state = 'pending' or w.state = 'exhausted' and w.halts)
            limit 1000) w) as waiting
  from postrider.delivery d
  left join postrider.endpoint e on e.id = d.endpoint_id
  where d.ordering_seq is not null and d.state = 'exhausted' and d.halts;
comment on view postrider.halted_key is 'Ordering keys of which nothing is sent, because an event of the key was exhausted while the endpoint said when_exhausted = halt. postrider.redeliver() sends that event again, postrider.skip() passes over it.';
comment on column postrider.halted_key.endpoint_id is 'The endpoint.';
comment on column postrider.halted_key.tenant is 'Its tenant.';
comment on column postrider.halted_key.name is 'Its name; null if it has none.';
comment on column postrider.halted_key.url is 'Its URL, without user, password and query.';
comment on column postrider.halted_key.ordering_key is 'The key.';
comment on column postrider.halted_key.event_id is 'The event that halts it.';
comment on column postrider.halted_key.event_type is 'The type of that event; null if it is gone.';
comment on column postrider.halted_key.halted_at is 'When its last attempt failed.';
comment on column postrider.halted_key.waiting is 'How many events of the key wait behind it; 1000 if there are more.';
