-- Which outages of an endpoint have been told of.
-- locks: postrider.endpoint_failure, for a moment
-- breaking: no

alter table postrider.endpoint_failure add column announced_at timestamptz;
comment on column postrider.endpoint_failure.announced_at is
  'When the present series of failures was noted in the audit, and told of by an event postrider.endpoint.failing; null if it was not.';
