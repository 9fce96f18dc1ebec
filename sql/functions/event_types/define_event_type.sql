-- grant: execute to operator

create or replace function postrider.define_event_type(
  name text,
  description text default null,
  json_schema jsonb default null,
  enforce boolean default false,
  deprecated boolean default false
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if define_event_type.name is null or define_event_type.name !~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$' or length(define_event_type.name) > 255
    or define_event_type.name ~ '^postrider[.]'
  then
    raise exception 'cannot define the event type %', coalesce(to_json(left(define_event_type.name, 300))::text, 'null')
      using errcode = 'invalid_parameter_value',
        hint = 'An event type is words of letters, digits, _, -, / and :, joined by dots, at most 255 long. Those that begin with postrider. are Postrider''s own.';
  elsif define_event_type.enforce and define_event_type.json_schema is null
    and not exists (select from postrider.event_type t where t.name = define_event_type.name and t.json_schema is not null)
  then
    raise exception 'cannot enforce the event type %: it has no schema', define_event_type.name
      using errcode = 'invalid_parameter_value', hint = 'Give json_schema.';
  end if;
  perform postrider_internal.begin_action('define_event_type', null, jsonb_build_object('name', define_event_type.name));
  insert into postrider.event_type as t (name, description, json_schema, enforce, deprecated)
  values (define_event_type.name, define_event_type.description,
          coalesce(define_event_type.json_schema, (select t.json_schema from postrider.event_type t where t.name = define_event_type.name)),
          coalesce(define_event_type.enforce, false), coalesce(define_event_type.deprecated, false))
  on conflict on constraint event_type_pkey do update
  set description = excluded.description, json_schema = excluded.json_schema, enforce = excluded.enforce, deprecated = excluded.deprecated;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.define_event_type(text, text, jsonb, boolean, boolean) is
  'Puts an event type into the catalogue, or replaces its definition. Use it to document a type, to generate TypeScript from it or, with enforce, to refuse payloads that do not fit the schema: inserts fail from their next statement on. A schema that is left out is kept; what else is left out is not. Any JSON Schema describes; what is enforced is of the subset in sql/event-types.md.';
