-- Lets an endpoint wait for the consent of its receiver before anything is delivered to it.
-- locks: postrider.endpoint, for a moment
-- breaking: yes
--
-- Breaking, because a daemon that does not know of handshakes would deliver without consent.

create domain postrider.handshake_state as text
  constraint "handshake_state is wanted, granted or refused" check (value in ('wanted', 'granted', 'refused'));
comment on domain postrider.handshake_state is 'What a receiver says to deliveries.';

alter table postrider.endpoint
  add column handshake boolean not null default false,
  add column handshake_state postrider.handshake_state;
comment on column postrider.endpoint.handshake is
  'Whether deliveries wait until the receiver consents to them, by the handshake of CloudEvents'' webhook specification: a daemon sends OPTIONS to the URL, and the receiver answers with WebHook-Allowed-Origin. It is repeated if the URL changes.';
comment on column postrider.endpoint.handshake_state is
  'wanted: the receiver is to be asked; granted; refused: it did not consent, and is asked again. Null without a handshake. postrider.endpoint_handshake has the times and the reason. Kept by daemons and a trigger.';

create table postrider.endpoint_handshake (
  endpoint_id uuid not null,
  next_at timestamptz default now(),
  asked_at timestamptz,
  granted_at timestamptz,
  allowed_rate integer,
  refusals integer not null default 0,
  http_status smallint,
  reason text,
  constraint endpoint_handshake_pkey primary key (endpoint_id),
  constraint endpoint_handshake_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade
);
-- Those to ask: empty most of the time.
create index endpoint_handshake_next on postrider.endpoint_handshake (next_at) where next_at is not null;
comment on table postrider.endpoint_handshake is
  'One row for each endpoint with a handshake: when its receiver was asked for its consent, and what it said. postrider.endpoint.handshake_state is what follows from it.';
comment on column postrider.endpoint_handshake.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_handshake.next_at is 'When the receiver is asked again; null once it has consented, and while the endpoint is disabled. While a daemon asks, when another one would.';
comment on column postrider.endpoint_handshake.asked_at is 'When its last answer was recorded, or that there was none.';
comment on column postrider.endpoint_handshake.granted_at is 'When it last consented; null if it did not, or to another URL.';
comment on column postrider.endpoint_handshake.allowed_rate is
  'How many requests per minute it allows (WebHook-Allowed-Rate); null if it named no number. postrider.endpoint.receiver_rate is the same per second.';
comment on column postrider.endpoint_handshake.refusals is 'How often in a row it did not consent.';
comment on column postrider.endpoint_handshake.http_status is 'The status of its last answer; null if there was none. A status alone is no consent.';
comment on column postrider.endpoint_handshake.reason is 'Why it counts as refused; null after a consent.';
