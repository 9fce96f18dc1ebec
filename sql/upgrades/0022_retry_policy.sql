-- Which answers of a receiver are retried, and which end a delivery at once.
-- locks: postrider.endpoint, for as long as it takes to write it anew
-- breaking: no

create domain postrider.endpoint_retry_on as text[]
  constraint "retry_on is statuses from 300 to 599 without 410, or 3xx to 5xx" check (
    cardinality(value) <= 300 and postrider_internal.are_statuses(value) and array_position(value, '410') is null);
comment on domain postrider.endpoint_retry_on is 'Statuses and classes of statuses, such as 503 and 5xx.';

create domain postrider.endpoint_give_up_on as text[]
  constraint "give_up_on is statuses from 300 to 599, or 3xx, 4xx and 5xx" check (
    cardinality(value) <= 300 and postrider_internal.are_statuses(value));
comment on domain postrider.endpoint_give_up_on is 'Statuses and classes of statuses, such as 422 and 4xx.';

alter table postrider.endpoint
  add column retry_on postrider.endpoint_retry_on,
  add column give_up_on postrider.endpoint_give_up_on not null default '{}';
comment on column postrider.endpoint.retry_on is
  'The only statuses that are retried: a list of statuses and classes, such as {429,5xx}. Any other status exhausts the delivery at once. Attempts without an answer are always retried. Null to retry every status; 410 disables the endpoint in any case.';
comment on column postrider.endpoint.give_up_on is
  'Statuses that exhaust a delivery at once: a list of statuses and classes, such as {400,404,422} or {4xx}. No status may be in both lists; 410 disables the endpoint in any case.';

comment on column postrider.delivery.state is 'pending; succeeded; exhausted: the retry schedule is used up, or the endpoint gives up on the answer; discarded: ended by an operator, or with its endpoint.';
comment on column postrider.delivery.reason is 'Why it was discarded, or exhausted before its retry schedule was used up. A replay keeps it until the delivery ends anew.';
comment on column postrider.endpoint_minute_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.daemon_minute.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.endpoint_hour_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
