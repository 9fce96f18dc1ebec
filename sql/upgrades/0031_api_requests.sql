-- What the API answered to requests with an Idempotency-Key, for those that are repeated.
-- locks: nothing; the table is new
-- breaking: no

create table postrider.api_request (
  id bytea not null,
  request_hash bytea not null,
  status smallint not null,
  answer text not null,
  created_at timestamptz not null default now(),
  constraint api_request_pkey primary key (id),
  constraint "id and request_hash are SHA-256" check (length(id) = 32 and length(request_hash) = 32),
  constraint "status is one of success" check (status between 200 and 299)
);
create index api_request_created_at on postrider.api_request (created_at);
comment on table postrider.api_request is
  'What the API answered to requests with an Idempotency-Key, for a day: one that is repeated gets the same answer and is not done again. What is shown once, such as a secret, is left out.';
comment on column postrider.api_request.id is 'The SHA-256 of who asked and of the Idempotency-Key.';
comment on column postrider.api_request.request_hash is
  'The SHA-256 of the Idempotency-Key and of what was asked, so that another request with the same key is told apart.';
comment on column postrider.api_request.status is 'The HTTP status of the answer.';
comment on column postrider.api_request.answer is 'The body of the answer.';
comment on column postrider.api_request.created_at is 'When it was answered.';
