-- What operators did, by function or by editing a table, and which tenants are being erased.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

create table postrider.audit (
  id uuid not null default postrider.uuid_v7(),
  at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  actor text not null default session_user,
  -- Set by "set role". A function with its owner's rights does not hide it.
  acting_as text default nullif(nullif(current_setting('role'), 'none'), session_user),
  action text not null,
  endpoint_id uuid,
  event_id uuid,
  detail jsonb not null default '{}',
  before jsonb,
  after jsonb,
  constraint audit_pkey primary key (id)
);
create index audit_endpoint_id on postrider.audit (endpoint_id, at);
create index audit_event_id on postrider.audit (event_id) where event_id is not null;
comment on table postrider.audit is
  'What operators did, by function or by editing a table: one row an action, with what was there before and after. It never contains a secret or the value of a header.';
comment on column postrider.audit.id is 'Identifies the row; ordered by time.';
comment on column postrider.audit.at is 'When it was done.';
comment on column postrider.audit.transaction_id is
  'The transaction that did it; actions done together have the same one.';
comment on column postrider.audit.actor is 'The database role that logged in and did it; a daemon acts under its own.';
comment on column postrider.audit.acting_as is 'The role that it had taken by set role; null if none.';
comment on column postrider.audit.action is
  'The function that was called; for an edit by hand, insert, update or delete and the table, as in update endpoint.';
comment on column postrider.audit.endpoint_id is 'The endpoint it was about.';
comment on column postrider.audit.event_id is 'The event it was about.';
comment on column postrider.audit.detail is 'What was asked for, including the reason.';
comment on column postrider.audit.before is 'The columns that were changed or deleted, as they were; subscriptions and secrets in separate lists.';
comment on column postrider.audit.after is 'The same columns as they became, or what was added.';

create table postrider.erasure (
  tenant text not null,
  after_event uuid not null default '00000000-0000-0000-0000-000000000000',
  events bigint not null default 0,
  requested_at timestamptz not null default clock_timestamp(),
  requested_by text not null default session_user,
  constraint erasure_pkey primary key (tenant)
);
comment on table postrider.erasure is
  'Tenants whose events are being erased, step by step, by postrider.erase_tenant() and by the daemons. A row is deleted when its tenant is done.';
comment on column postrider.erasure.tenant is 'The tenant.';
comment on column postrider.erasure.after_event is 'The cursor: everything up to this id has been looked at.';
comment on column postrider.erasure.events is 'How many events have been erased.';
comment on column postrider.erasure.requested_at is 'When it was requested; events inserted later are not erased.';
comment on column postrider.erasure.requested_by is 'The database role that requested it.';
