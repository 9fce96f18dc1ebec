-- The events that applications committed, and the keys by which they are inserted once.
-- locks: nothing that exists; it makes new tables only
-- breaking: no
--
-- The outbox, delivery and attempt tables are partitioned by range of the event's id, a UUID version 7, which is ordered by
-- time. A partition is one day in UTC, the primary key is the id alone, and a day's events, deliveries and attempts share
-- their bounds. Rows outside every day's partition (if no daemon ran for a week, or an id was invented) go to the default
-- partition, so an insert never fails for lack of a partition.
--
-- The hot tables have no foreign keys, because the check would cost every insert a lock and a look-up. The outbox has no
-- checks either: its trigger judges the columns (outbox_inserting), for less, and its errors show no row.

create table postrider.outbox (
  id uuid not null default postrider.uuid_v7(),
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null generated always as identity,
  created_at timestamptz not null default clock_timestamp(),
  deliver_at timestamptz,
  event_type text not null,
  tenant text not null default '',
  ordering_key text,
  idempotency_key text,
  attributes jsonb,
  payload json not null,
  test_endpoint_id uuid,
  erased_at timestamptz,
  constraint outbox_pkey primary key (id)
) partition by range (id);
create index outbox_window on postrider.outbox (xid, seq);
comment on table postrider.outbox is
  'The events that applications committed, one row each, never updated. Insert event_type and payload; the rest is filled in or optional.';
comment on column postrider.outbox.id is 'UUID version 7, filled in; receivers see it as webhook-id.';
comment on column postrider.outbox.xid is
  'The transaction that inserted the row, filled in; claims read by it. Never write it.';
comment on column postrider.outbox.seq is
  'Order of insertion, filled in; it orders the events of a transaction. Never write it.';
comment on column postrider.outbox.created_at is 'When the row was inserted, filled in; receivers see it as the envelope''s timestamp.';
comment on column postrider.outbox.deliver_at is 'The event is not sent before this time; null for at once.';
comment on column postrider.outbox.event_type is 'Words of letters, digits, _, -, / and :, joined by dots, such as order.paid; at most 255 characters. Decides which endpoints get the event.';
comment on column postrider.outbox.tenant is
  'Owner of the event, at most 255 characters: only endpoints of the same tenant match. The empty string if an application has no tenants; null is taken as that.';
comment on column postrider.outbox.ordering_key is
  'Which thing the event is about, for receivers that need the events of one thing in order: 1 to 255 characters, or null.';
comment on column postrider.outbox.idempotency_key is 'A second insert with the same key and tenant adds nothing. 1 to 255 characters, or null for none.';
comment on column postrider.outbox.attributes is 'Extra attributes of the event, a JSON object: subject, traceparent and the like.';
comment on column postrider.outbox.payload is 'The event''s data. Sent exactly as written, byte for byte.';
comment on column postrider.outbox.test_endpoint_id is 'The one endpoint that gets the event, because it is a test: send_test_event() inserted it. Null for all others.';
comment on column postrider.outbox.erased_at is 'When its payload, attributes and keys were overwritten by erase_event(); it is not sent any more. Null for all others.';

create table postrider.outbox_default partition of postrider.outbox default;
comment on table postrider.outbox_default is 'Events outside every day''s partition. They are delivered like any other.';

create table postrider.idempotency_key (
  tenant text not null,
  idempotency_key text not null,
  event_id uuid not null,
  constraint idempotency_key_pkey primary key (tenant, idempotency_key)
);
create index idempotency_key_event_id on postrider.idempotency_key (event_id); -- keys are deleted with the events of their day
comment on table postrider.idempotency_key is
  'Which event each idempotency key belongs to. Separate from the outbox, because a unique key of a partitioned table must contain the partition key.';
comment on column postrider.idempotency_key.tenant is 'The tenant within which the key is unique.';
comment on column postrider.idempotency_key.idempotency_key is 'The key as the application gave it.';
comment on column postrider.idempotency_key.event_id is 'The first event inserted with the key.';
