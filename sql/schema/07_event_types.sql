-- The catalogue of event types.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

create table postrider.event_type (
  name text not null,
  description text,
  json_schema jsonb,
  enforce boolean not null default false,
  deprecated boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  checks jsonb,
  predicate jsonpath,
  value_steps bigint,
  object_steps bigint,
  byte_steps bigint,
  constraint event_type_pkey primary key (name),
  constraint "name is words of letters, digits, _-/: joined by dots"
    check (name ~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$' and length(name) <= 255),
  constraint "types that begin with postrider. are Postrider's own" check (name !~ '^postrider\.'),
  constraint "description has at most 10000 characters" check (length(description) <= 10000),
  constraint "only what has a schema is enforced" check (not enforce or json_schema is not null)
);
comment on table postrider.event_type is
  'The catalogue of event types. Written by postrider.define_event_type and drop_event_type, or by hand; daemons do not need it.';
comment on column postrider.event_type.name is 'The event type, as in postrider.outbox.event_type.';
comment on column postrider.event_type.description is 'What the event means, for people.';
comment on column postrider.event_type.json_schema is
  'What its payloads look like: any JSON Schema, or one of the subset in sql/event-types.md if it is enforced. Null if that is not defined.';
comment on column postrider.event_type.enforce is 'Whether inserts fail if their payload does not fit the schema.';
comment on column postrider.event_type.deprecated is
  'Whether it should no longer be used. For people and generated code; inserts still work.';
comment on column postrider.event_type.created_at is 'When it was first defined.';
comment on column postrider.event_type.updated_at is 'When its definition was last changed. Kept by a trigger.';
comment on column postrider.event_type.checks is
  'The schema as it is checked: without annotations, with references resolved. Kept by a trigger.';
comment on column postrider.event_type.predicate is
  'The same as an SQL/JSON path that finds something in a payload that fits; null if no path can express it. Kept by a trigger.';
comment on column postrider.event_type.value_steps is
  'The most steps of 0.05 us that the predicate takes for a value of a payload. Kept by a trigger.';
comment on column postrider.event_type.object_steps is
  'The most further steps that it takes for an object. Kept by a trigger.';
comment on column postrider.event_type.byte_steps is
  'The most further steps that it takes for a byte. Kept by a trigger.';

create table postrider.event_type_policy (
  only_row boolean not null default true,
  unknown_types text not null default 'allowed',
  changed_at timestamptz not null default clock_timestamp(),
  constraint event_type_policy_pkey primary key (only_row),
  constraint "there is one row" check (only_row),
  constraint "unknown_types is allowed or refused" check (unknown_types in ('allowed', 'refused'))
);
insert into postrider.event_type_policy default values;
comment on table postrider.event_type_policy is
  'One row: whether events are accepted if their type is not in the catalogue. Set by postrider.refuse_unknown_event_types and allow_unknown_event_types, or by hand.';
comment on column postrider.event_type_policy.only_row is 'True.';
comment on column postrider.event_type_policy.unknown_types is
  'allowed; refused: an insert fails if its event type is not in postrider.event_type. Postrider''s own types (postrider.*) are never refused.';
comment on column postrider.event_type_policy.changed_at is
  'When this row or the catalogue was last changed. Kept by triggers.';

create or replace function postrider_internal.judged_event_types() returns text[]
language sql stable
as $$select '{}'::pg_catalog.text[]$$;
comment on function postrider_internal.judged_event_types() is
  'The event types whose definition an insert looks at, because they are enforced; null for all. Rewritten by postrider_internal.set_judged_event_types when the catalogue changes.';
