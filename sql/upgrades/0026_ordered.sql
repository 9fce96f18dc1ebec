-- Ordered endpoints: the events of one ordering key go one at a time, in the order of their commits.
-- locks: postrider.endpoint and delivery; the indexes of delivery are built while it waits
-- breaking: yes
--
-- Breaking, because a daemon that does not know of order would send what must wait.

create domain postrider.endpoint_when_exhausted as text
  constraint "when_exhausted is continue or halt" check (value in ('continue', 'halt'));
comment on domain postrider.endpoint_when_exhausted is 'What follows for an ordering key if one of its events is exhausted.';

alter table postrider.endpoint
  add column ordered boolean not null default false,
  add column when_exhausted postrider.endpoint_when_exhausted not null default 'continue';
comment on column postrider.endpoint.ordered is
  'Whether events with the same ordering_key are sent one at a time, in the order of their commits. Events without a key are sent in any order. Takes no batches. It holds for events that are claimed after it was set; of those that wait, it puts in order what is due.';
comment on column postrider.endpoint.when_exhausted is
  'What follows if the endpoint is ordered and an event is exhausted: continue, so that the next event of its key is sent; or halt, so that its key waits until the event is delivered after all, or passed over by postrider.skip(). It holds for events that are exhausted after it was set: continue frees no key that is halted already.';

-- A claim asks it whether any endpoint is ordered.
create index endpoint_ordered on postrider.endpoint (id) where ordered;

alter table postrider.delivery
  add column ordering_key text collate "C",
  add column ordering_seq bigint,
  add column halts boolean,
  add constraint "a place in the order has a key" check ((ordering_key is null) = (ordering_seq is null));
comment on column postrider.delivery.ordering_key is
  'The ordering key of its event, if the endpoint is ordered: events of one key are sent one at a time. Null if it is sent in any order.';
comment on column postrider.delivery.ordering_seq is
  'Its place among the deliveries of that key: postrider.outbox.seq. Null without a key.';
comment on column postrider.delivery.halts is
  'Whether its key is halted while it is exhausted, as the endpoint''s when_exhausted said when that happened. postrider.skip() ends that.';

-- A pending delivery is in one of these two: what goes by time, and what goes by key. So what waits behind a key, however
-- much it is, never stands before what could be sent. In delivery_order the leased ones of a key come first, then the one
-- with the smallest seq, so one probe says whether a key can be sent. delivery_halted is for people, and for retention.
drop index postrider.delivery_due;
create index delivery_due on postrider.delivery (endpoint_id, next_attempt_at) where state = 'pending' and ordering_seq is null;
create index delivery_order on postrider.delivery (endpoint_id, ordering_key, (leased_by is null), ordering_seq)
  where ordering_seq is not null and (state = 'pending' or state = 'exhausted' and halts);
create index delivery_halted on postrider.delivery (endpoint_id, ordering_key)
  where ordering_seq is not null and state = 'exhausted' and halts;

create table postrider.ordered_walk (
  endpoint_id uuid not null,
  after_key text collate "C",
  constraint ordered_walk_pkey primary key (endpoint_id)
);
comment on table postrider.ordered_walk is
  'Of each ordered endpoint that has had deliveries, where the walk over its keys continues. A daemon locks the row while it leases, so that no two lease events of one key at once.';
comment on column postrider.ordered_walk.endpoint_id is 'The endpoint.';
comment on column postrider.ordered_walk.after_key is 'The key after which the walk continues; null if it begins anew.';
