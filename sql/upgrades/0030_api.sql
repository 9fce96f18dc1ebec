-- The keys of the API, the sessions of its dashboard, and for whom it acts.
-- locks: postrider.audit, for a moment; the other tables are new
-- breaking: no

create domain postrider.api_key_name as text
  constraint "name has 1 to 255 characters, without blanks at its ends" check (
    length(value) between 1 and 255 and value !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]');
comment on domain postrider.api_key_name is 'What people call a key of the API.';

create domain postrider.api_scopes as text[]
  constraint "scopes are of read, payload, publish, operate and admin" check (
    cardinality(value) > 0 and value <@ '{read,payload,publish,operate,admin}');
comment on domain postrider.api_scopes is
  'What a key of the API may do. read: see everything but payloads and answers; payload: see those as well; publish: insert events; operate: change endpoints and steer deliveries; admin: all of it, and switch sending, erase events and make keys.';

create table postrider.api_key (
  id uuid not null default postrider.uuid_v7(),
  name postrider.api_key_name not null,
  scopes postrider.api_scopes not null,
  key_hash bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null default session_user,
  expires_at timestamptz,
  last_used_at timestamptz,
  constraint api_key_pkey primary key (id),
  constraint "name of a key is unique" unique (name),
  constraint api_key_key_hash_key unique (key_hash),
  constraint "key_hash is a SHA-256" check (length(key_hash) = 32)
) with (fillfactor = 50);
comment on table postrider.api_key is
  'The keys of the API, made by postrider.create_api_key(). A key may do what its scopes say, and never more than the login of the API.';
comment on column postrider.api_key.id is 'Identifies the key, for postrider.revoke_api_key().';
comment on column postrider.api_key.name is 'What people call it; the audit shows it as on_behalf_of.';
comment on column postrider.api_key.scopes is 'What it may do: see the comment of postrider.api_scopes (\dD+).';
comment on column postrider.api_key.key_hash is 'The SHA-256 of the key. The key itself is kept nowhere.';
comment on column postrider.api_key.created_at is 'When it was made.';
comment on column postrider.api_key.created_by is 'The database role that made it.';
comment on column postrider.api_key.expires_at is 'Until when it is valid; null for no end.';
comment on column postrider.api_key.last_used_at is 'When it was last used, to the minute; null if it never was.';

create table postrider.api_session (
  id uuid not null default postrider.uuid_v7(),
  api_key_id uuid not null,
  token_hash bytea,
  link_hash bytea,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint api_session_pkey primary key (id),
  constraint api_session_api_key_id_fkey foreign key (api_key_id) references postrider.api_key (id) on delete cascade,
  constraint api_session_token_hash_key unique (token_hash),
  constraint api_session_link_hash_key unique (link_hash),
  constraint "a session has a token, or a link that opens it" check (num_nonnulls(token_hash, link_hash) = 1)
);
create index api_session_api_key_id on postrider.api_session (api_key_id);
comment on table postrider.api_session is
  'Browsers that are logged in to the dashboard with a key, and links that log one in. They end with the key.';
comment on column postrider.api_session.id is 'Identifies the session.';
comment on column postrider.api_session.api_key_id is 'The key whose scopes it has.';
comment on column postrider.api_session.token_hash is 'The SHA-256 of what the browser keeps in a cookie; null for a link.';
comment on column postrider.api_session.link_hash is 'The SHA-256 of what a link has in it, which logs in once; null once it has.';
comment on column postrider.api_session.created_at is 'When it was made.';
comment on column postrider.api_session.expires_at is 'Until when it is valid.';

alter table postrider.audit add column on_behalf_of text;
alter table postrider.audit alter column on_behalf_of set default nullif(current_setting('postrider.on_behalf_of', true), '');
comment on column postrider.audit.on_behalf_of is
  'For whom the API did it: the name of the key. It is the setting postrider.on_behalf_of, which any session can set: actor is who logged in.';
