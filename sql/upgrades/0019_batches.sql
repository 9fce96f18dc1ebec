-- Batches: several deliveries of one endpoint in one request.
-- locks: postrider.endpoint, delivery and other_attempt; the indexes are built while both wait
-- breaking: yes

create domain postrider.endpoint_batch_size as integer
  constraint "batch_size is between 1 and 1000" check (value between 1 and 1000);
comment on domain postrider.endpoint_batch_size is 'How many events a request may have.';

create domain postrider.endpoint_batch_delay_ms as integer
  constraint "batch_delay_ms is between 0 and 600000" check (value between 0 and 600000);
comment on domain postrider.endpoint_batch_delay_ms is 'How long an event waits for others to share its request, in milliseconds.';

alter table postrider.endpoint
  add column batch_size postrider.endpoint_batch_size not null default 1,
  add column batch_delay_ms postrider.endpoint_batch_delay_ms not null default 1000;
comment on column postrider.endpoint.batch_size is
  'How many events a request may have: 1 to 1000. Above 1 the body is a JSON array, also of a single event, and events wait up to batch_delay_ms for others. The formats standard and cloudevents can be batched.';
comment on column postrider.endpoint.batch_delay_ms is
  'How long an event waits for its batch to fill: a whole number of milliseconds, 0 to 600000. A full batch is sent at once. It matters only if there are batches.';

-- A first attempt that is recorded with its delivery is never one of a batch.
alter table postrider.delivery rename column first_batch_id to batch_id;
comment on column postrider.delivery.batch_id is
  'The batch in which it was last leased, and in which it is sent again while it is pending; null if it was sent alone. The deliveries that share it are the members of the batch, and the id follows from them.';
create index delivery_batch on postrider.delivery (batch_id) where batch_id is not null and state = 'pending';

-- For people, and for erasure: the answer to a batch is recorded with one of its events.
create index other_attempt_batch on postrider.other_attempt (batch_id) where batch_id is not null;
comment on column postrider.other_attempt.batch_id is
  'The batch in which the event was sent; null if it was sent alone. What the receiver answered is recorded with one event of the batch.';
