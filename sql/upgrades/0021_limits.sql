-- Limits of an endpoint that all daemons keep together: max_in_flight, and rate_limit with its burst.
-- locks: postrider.endpoint, for as long as it takes to write it anew, and delivery; the index is built while both wait
-- breaking: yes
--
-- Breaking, because a daemon that does not know of these limits would send what it has in memory beyond them.

create domain postrider.endpoint_max_in_flight as integer
  constraint "max_in_flight is between 1 and 100000" check (value between 1 and 100000);
comment on domain postrider.endpoint_max_in_flight is 'How many requests an endpoint may have in progress.';

create domain postrider.endpoint_rate_limit as numeric
  constraint "rate_limit is between 0.001 and 100000" check (value between 0.001 and 100000);
comment on domain postrider.endpoint_rate_limit is 'How many requests an endpoint may be sent per second.';

create domain postrider.endpoint_rate_burst as integer
  constraint "rate_burst is between 1 and 100000" check (value between 1 and 100000);
comment on domain postrider.endpoint_rate_burst is 'How many requests an endpoint that has rested may be sent at once.';

alter table postrider.endpoint
  add column max_in_flight postrider.endpoint_max_in_flight,
  add column rate_limit postrider.endpoint_rate_limit,
  add column rate_burst postrider.endpoint_rate_burst,
  add column receiver_rate postrider.endpoint_rate_limit,
  add column effective_rate postrider.endpoint_rate_limit generated always as (least(rate_limit, receiver_rate)) stored,
  add column is_limited boolean not null
    generated always as (max_in_flight is not null or rate_limit is not null or receiver_rate is not null) stored;
comment on column postrider.endpoint.max_in_flight is
  'How many requests may be in progress at a time, over all daemons: 1 to 100000; null for as many as the daemons have room for. A batch is one request.';
comment on column postrider.endpoint.rate_limit is
  'How many requests may be sent per second, over all daemons: 0.001 to 100000, such as 50 or 0.2; null for as many as there are. Retries count, and a batch is one request.';
comment on column postrider.endpoint.rate_burst is
  'How many requests may be sent at once after a rest, if the rate is limited: 1 to 100000; null for those of one second, at least one.';

comment on column postrider.endpoint.receiver_rate is
  'How many requests per second its receiver allows, as it said in the handshake; null if it named no rate. Kept by daemons and a trigger.';
comment on column postrider.endpoint.effective_rate is
  'The rate that daemons keep: the smaller of rate_limit and receiver_rate; null if it has neither. Filled in.';
comment on column postrider.endpoint.is_limited is
  'Whether daemons must agree before they send to it, so that its events go through the queue. Filled in.';

create table postrider.endpoint_pace (
  endpoint_id uuid not null,
  spent_until timestamptz not null default now(),
  unsettled_since timestamptz,
  constraint endpoint_pace_pkey primary key (endpoint_id),
  constraint endpoint_pace_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade
) with (fillfactor = 20);
comment on table postrider.endpoint_pace is
  'One row for each endpoint that has, or had, limits: a daemon that leases for the endpoint locks it, so that they take turns.';
comment on column postrider.endpoint_pace.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_pace.spent_until is
  'Until when the requests sent so far would take at an even pace. A burst may run ahead of the clock. Without a rate it stands still.';
comment on column postrider.endpoint_pace.unsettled_since is
  'When the endpoint came to have a limit: daemons may have deliveries in hand that they took without counting them. Null once there are none.';

-- Rows of other endpoints do not enter it, so they pay nothing.
alter table postrider.delivery add column is_counted boolean;
comment on column postrider.delivery.is_counted is
  'Whether its lease counts for the limits of its endpoint; of a batch one delivery counts. Null if the endpoint had no limit when it was leased.';
create index delivery_counted on postrider.delivery (endpoint_id, lease_expires_at) where is_counted and lease_expires_at is not null;
