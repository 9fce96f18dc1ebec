-- Endpoints whose receivers fetch their events instead of being sent them.
-- locks: postrider.endpoint for a moment, and delivery; its new index is empty
-- breaking: yes
--
-- Breaking, because a daemon that does not know of them would lease their deliveries, and has no URL to send them to.

create domain postrider.endpoint_kind as text
  constraint "kind is push or pull" check (value in ('push', 'pull'));
comment on domain postrider.endpoint_kind is 'Who asks for a request: the daemon, or the receiver.';

alter table postrider.endpoint
  add column kind postrider.endpoint_kind not null default 'push',
  alter column url drop not null,
  alter column shown_url drop not null;
comment on column postrider.endpoint.kind is
  'push: daemons send its events to its url; pull: it has no url, and its receiver fetches its events from the listener, with a token that postrider.create_pull_token() makes. It stays what it was created as.';
comment on column postrider.endpoint.url is
  'Absolute http or https URL with a host, at most 2048 long, without blanks, backslash, fragment, user and password: put a password into headers, as authorization. The daemon decides when it connects whether the address is allowed. Null if its kind is pull.';
comment on column postrider.endpoint.shown_url is
  'The URL without its query: what readers may see, because a query may hold a token. Null if its kind is pull. Filled in.';

alter table postrider.delivery add column pull_place bigint;
comment on column postrider.delivery.pull_place is
  'Its place in what the receiver of a pull endpoint fetches, given when it was due and asked for. Sent again, it gets a later one. Null for any other delivery.';
-- Deliveries that are pushed do not enter it, so they pay nothing.
create index delivery_pulled on postrider.delivery (endpoint_id, pull_place) where pull_place is not null;

create table postrider.pull_position (
  endpoint_id uuid not null,
  last_place bigint not null default 0,
  acknowledged_place bigint not null default 0,
  gone_place bigint not null default 0,
  server text,
  cursor_key bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  given_at timestamptz,
  acknowledged_at timestamptz,
  constraint pull_position_pkey primary key (endpoint_id),
  constraint pull_position_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade
) with (fillfactor = 20);
comment on table postrider.pull_position is
  'One row for each pull endpoint whose receiver has asked for events: how far they were given to it, and how far it has acknowledged them. It is locked while places are given, so that they are committed in their order.';
comment on column postrider.pull_position.endpoint_id is 'The endpoint.';
comment on column postrider.pull_position.last_place is 'The last place that was given to a delivery (postrider.delivery.pull_place).';
comment on column postrider.pull_position.acknowledged_place is 'The place up to which all was acknowledged. A receiver that asks without a cursor gets what follows.';
comment on column postrider.pull_position.gone_place is
  'The last place of a delivery that was acknowledged and is past its retention: a cursor before it is refused, because something behind it is gone.';
comment on column postrider.pull_position.server is
  'The database, its cluster and its timeline when a place was last given. After a failover places continue far behind those that the former server may have given, because it may have given some that were lost.';
comment on column postrider.pull_position.cursor_key is 'Makes and checks cursors, so that none is accepted that was made for another endpoint.';
comment on column postrider.pull_position.given_at is 'When the receiver last got events that it had not got before.';
comment on column postrider.pull_position.acknowledged_at is 'When it last acknowledged some.';

create table postrider.pull_token (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  token_hash bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  constraint pull_token_pkey primary key (id),
  constraint pull_token_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade,
  constraint "token_hash is a SHA-256" check (length(token_hash) = 32)
);
comment on table postrider.pull_token is
  'The tokens with which receivers fetch the events of pull endpoints. Several may be valid, so that one can be replaced without a pause.';
comment on column postrider.pull_token.id is 'Identifies the token, for postrider.revoke_pull_token().';
comment on column postrider.pull_token.endpoint_id is 'The endpoint.';
comment on column postrider.pull_token.token_hash is 'The SHA-256 of the token. The token itself is kept nowhere.';
comment on column postrider.pull_token.created_at is 'When it was made.';
comment on column postrider.pull_token.expires_at is 'Until when it is valid; null for no end.';
create index pull_token_endpoint_id on postrider.pull_token (endpoint_id);
