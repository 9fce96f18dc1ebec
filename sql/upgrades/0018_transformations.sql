-- What an endpoint gets in the place of an event's payload: a path or a template, and what came of it.
-- locks: postrider.endpoint, for as long as it takes to write it anew
-- breaking: no

create domain postrider.endpoint_payload as text
  constraint "payload is a path or a template" check (postrider_internal.is_transformation(value));
comment on domain postrider.endpoint_payload is 'An SQL/JSON path, or a template of JSON with paths in it.';

create domain postrider.endpoint_payload_fallback as text
  constraint "payload_fallback is discard or whole" check (value in ('discard', 'whole'));
comment on domain postrider.endpoint_payload_fallback is 'What becomes of an event that a transformation cannot be applied to.';

alter table postrider.endpoint
  add column payload postrider.endpoint_payload,
  add column payload_fallback postrider.endpoint_payload_fallback not null default 'discard',
  add column transforms boolean not null generated always as (postrider_internal.transforms(payload, headers)) stored,
  add column has_transformed boolean not null default false;
comment on column postrider.endpoint.payload is 'What is sent in the place of the payload: an SQL/JSON path, such as $.order or $.items[*], or JSON in which each text that begins with $ is a path, such as {"id": "$.order_id", "event": "$event.id"}. Null for the payload as it is.';
comment on column postrider.endpoint.payload_fallback is 'What becomes of an event that payload, or a path in headers, cannot be applied to. discard: it is discarded, with the reason; whole: its payload is sent as it is, without the headers that have paths.';
comment on column postrider.endpoint.transforms is 'Whether payload or headers hold a path, so that its events go through the queue. Filled in.';
comment on column postrider.endpoint.has_transformed is 'Whether that was ever so, and a delivery may have something stored in postrider.transformation. Kept by a trigger.';
comment on column postrider.endpoint.headers is 'Extra request headers: an object of names and texts, such as {"authorization": "Bearer ..."}. They can replace content-type and user-agent. A value that begins with $ is a path, such as $.order.id or $event.tenant, and one that begins with $$ stands for itself, with one $. Refused are those that the sender sets: host, webhook-..., postrider-..., traceparent, proxy-..., and what frames or encodes a request; and two spellings of one.';

-- Apart from delivery, because most deliveries have none, and that row is written again with each attempt.
create table postrider.transformation (
  event_id uuid not null,
  endpoint_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  endpoint_revision bigint not null,
  problem text,
  headers jsonb,
  payload json,
  constraint transformation_pkey primary key (event_id, endpoint_id),
  constraint "what could not be applied made nothing" check (problem is null or (payload is null and headers is null))
) partition by range (event_id);
comment on table postrider.transformation is
  'What the transformation of an endpoint made of an event, for each delivery, before its first attempt. Every attempt sends this, until redeliver() or a replay has it made anew.';
comment on column postrider.transformation.event_id is 'The event.';
comment on column postrider.transformation.endpoint_id is 'The endpoint.';
comment on column postrider.transformation.created_at is 'When it was made.';
comment on column postrider.transformation.endpoint_revision is 'The revision of the endpoint whose option made it.';
comment on column postrider.transformation.problem is 'Why it could not be applied, so that the payload is sent whole; null if it was.';
comment on column postrider.transformation.headers is 'The headers that have paths, with what these found; null if there are none.';
comment on column postrider.transformation.payload is 'What is sent in the place of the payload; null if the payload is sent as it is.';

create table postrider.transformation_default partition of postrider.transformation default;
comment on table postrider.transformation_default is 'Transformations for events outside every day''s partition.';
