-- Which outages of an endpoint have been told of, and the circuit of an endpoint that keeps failing.
-- locks: postrider.endpoint, endpoint_failure and delivery, for a moment
-- breaking: yes
--
-- Breaking, because a daemon that does not know of circuits would keep what it has in memory for an endpoint.

alter table postrider.endpoint_failure add column announced_at timestamptz;
comment on column postrider.endpoint_failure.announced_at is
  'When the present series of failures was noted in the audit, and told of by an event postrider.endpoint.failing; null if it was not.';

-- Claims and walks read this row anyway, so that an endpoint whose circuit is closed costs them nothing.
alter table postrider.endpoint add column circuit_opened_at timestamptz;
comment on column postrider.endpoint.circuit_opened_at is
  'When daemons stopped sending to it, but for probes, because it kept failing; null while they send. postrider.endpoint_health says more. Kept by daemons; an edit of the endpoint closes the circuit.';

-- The schedule of probes is apart from it, because operators lock that row.
alter table postrider.endpoint_failure
  add column next_probe_at timestamptz,
  add column probe_gap interval,
  add column probe_event_id uuid,
  add column probe_until timestamptz,
  add constraint "an open circuit has a gap between its probes" check ((next_probe_at is null) = (probe_gap is null));
comment on column postrider.endpoint_failure.next_probe_at is 'While its circuit is open: from when one delivery is sent to see whether it works again; null otherwise.';
comment on column postrider.endpoint_failure.probe_gap is 'How long the next probe waits for if that one fails; it doubles with each.';
comment on column postrider.endpoint_failure.probe_event_id is 'The event that was sent as the last probe; null if there was none, or it has failed.';
comment on column postrider.endpoint_failure.probe_until is 'When the lease of that probe ends: until then there is no other.';

-- A person has asked for it, and does not wait for a probe. Rows that no one asked for have null.
alter table postrider.delivery add column is_asked boolean;
comment on column postrider.delivery.is_asked is 'Whether redeliver() or send_test_event() asks for its next attempt, which then does not wait for a circuit; null otherwise.';
