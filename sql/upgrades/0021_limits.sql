-- A limit of an endpoint that all daemons keep together: max_in_flight.
-- locks: postrider.endpoint and delivery; the index is built while inserts of both wait
-- breaking: yes
--
-- Breaking, because a daemon that does not know of it would send what it has in memory beyond it.

create domain postrider.endpoint_max_in_flight as integer
  constraint "max_in_flight is between 1 and 100000" check (value between 1 and 100000);
comment on domain postrider.endpoint_max_in_flight is 'How many requests an endpoint may have in progress.';

alter table postrider.endpoint add column max_in_flight postrider.endpoint_max_in_flight;
comment on column postrider.endpoint.max_in_flight is
  'How many requests may be in progress at a time, over all daemons: 1 to 100000; null for as many as the daemons have room for. A batch is one request.';
create table postrider.endpoint_pace (
  endpoint_id uuid not null,
  unsettled_since timestamptz,
  constraint endpoint_pace_pkey primary key (endpoint_id),
  constraint endpoint_pace_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade
) with (fillfactor = 20);
comment on table postrider.endpoint_pace is
  'One row for each endpoint that has, or had, limits: a daemon that leases for the endpoint locks it, so that they take turns.';
comment on column postrider.endpoint_pace.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_pace.unsettled_since is
  'When the endpoint came to have a limit: daemons may have deliveries in hand that they took without counting them. Null once there are none.';

-- Rows of other endpoints do not enter it, so they pay nothing.
alter table postrider.delivery add column is_counted boolean;
comment on column postrider.delivery.is_counted is
  'Whether its lease counts for the limits of its endpoint; of a batch one delivery counts. Null if the endpoint had no limit when it was leased.';
create index delivery_counted on postrider.delivery (endpoint_id, lease_expires_at) where is_counted and lease_expires_at is not null;
