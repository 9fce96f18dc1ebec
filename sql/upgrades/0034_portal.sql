-- The tokens with which tenants look after their own endpoints, and the scope of a key that makes them.
-- locks: postrider.api_key, for a moment; the other table is new
-- breaking: no

alter domain postrider.api_scopes drop constraint "scopes are of read, payload, publish, operate and admin";
alter domain postrider.api_scopes
  add constraint "scopes are of read, payload, publish, operate, admin and portal:mint" check (
    cardinality(value) > 0 and value <@ '{read,payload,publish,operate,admin,portal:mint}');
comment on domain postrider.api_scopes is
  'What a key of the API may do. read: see everything but payloads and answers; payload: see those as well; publish: insert events; operate: change endpoints and steer deliveries; portal:mint: make tokens of the portal; admin: all of it, and switch sending, erase events and make keys.';

create domain postrider.portal_capabilities as text[]
  constraint "capabilities are ones that the portal knows" check (
    cardinality(value) > 0 and value <@ '{endpoints:read,endpoints:write,endpoints:state,secret:rotate,attempts:read,payload:read,redeliver,replay,test}');
comment on domain postrider.portal_capabilities is
  'What a token of the portal may do, within its tenant. endpoints:read: see endpoints, event types and charts; endpoints:write: add, change and remove endpoints; endpoints:state: pause and resume; secret:rotate: make a new secret; attempts:read: see events, deliveries and attempts; payload:read: see payloads and answers as well; redeliver: send an event again; replay: send a range again; test: send a test event.';

create domain postrider.portal_subject as text
  constraint "subject has 1 to 255 characters, without blanks at its ends" check (
    length(value) between 1 and 255 and value !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]');
comment on domain postrider.portal_subject is 'Whom a token of the portal was made for.';

create table postrider.portal_token (
  id uuid not null default postrider.uuid_v7(),
  tenant postrider.endpoint_tenant not null,
  subject postrider.portal_subject,
  capabilities postrider.portal_capabilities not null,
  token_hash bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user,
  expires_at timestamptz not null,
  constraint portal_token_pkey primary key (id),
  constraint portal_token_token_hash_key unique (token_hash),
  constraint "token_hash is a SHA-256" check (length(token_hash) = 32),
  constraint "a token lasts for an hour at most" check (expires_at <= created_at + interval '1 hour')
);
create index portal_token_tenant on postrider.portal_token (tenant);
create index portal_token_expires_at on postrider.portal_token (expires_at);
comment on table postrider.portal_token is
  'The tokens of the portal that are valid, made by postrider.create_portal_token(). A token shows and changes what belongs to its tenant, and nothing else.';
comment on column postrider.portal_token.id is 'Identifies the token.';
comment on column postrider.portal_token.tenant is 'The tenant whose endpoints and events it is for.';
comment on column postrider.portal_token.subject is 'Whom the application made it for; the audit shows it in on_behalf_of. Null if that was not said.';
comment on column postrider.portal_token.capabilities is 'What it may do: see the comment of postrider.portal_capabilities (\dD+).';
comment on column postrider.portal_token.token_hash is 'The SHA-256 of the token. The token itself is kept nowhere.';
comment on column postrider.portal_token.created_at is 'When it was made.';
comment on column postrider.portal_token.created_by is 'The database role that made it.';
comment on column postrider.portal_token.expires_at is 'Until when it is valid.';
