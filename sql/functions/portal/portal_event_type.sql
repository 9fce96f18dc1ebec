-- grant: select to portal

create or replace view postrider.portal_event_type with (security_barrier = true) as
  select t.name, t.description, t.json_schema, t.deprecated
  from postrider.event_type t
  where (select postrider_internal.portal_tenant('endpoints:read')) is not null and not starts_with(t.name, 'postrider.');
comment on view postrider.portal_event_type is
  'The catalogue of event types, for whoever shows a token of the portal. It is the same for all tenants.';
comment on column postrider.portal_event_type.name is 'The type.';
comment on column postrider.portal_event_type.description is 'What it means.';
comment on column postrider.portal_event_type.json_schema is 'What its payloads look like, as a JSON Schema; null if that is not said.';
comment on column postrider.portal_event_type.deprecated is 'Whether it should no longer be used.';
