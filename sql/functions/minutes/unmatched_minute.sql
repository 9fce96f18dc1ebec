-- grant: select to reader, operator, daemon

create or replace view postrider.unmatched_minute as
  select m.minute, m.tenant, m.event_type, sum(m.events) as events
  from postrider.unmatched_minute_part m
  group by m.minute, m.tenant, m.event_type;
comment on view postrider.unmatched_minute is
  'Events that no endpoint got, by tenant and type, in the minute in which they were claimed. Say since when: where minute > now() - interval ''1 hour''. postrider.replay() sends them to an endpoint, and explain_event() says why one was not matched.';
comment on column postrider.unmatched_minute.minute is 'When the minute began, by the clock of Postgres.';
comment on column postrider.unmatched_minute.tenant is 'Their tenant.';
comment on column postrider.unmatched_minute.event_type is 'Their type.';
comment on column postrider.unmatched_minute.events is 'How many.';
