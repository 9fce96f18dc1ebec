create or replace function postrider_internal.apply_event_type(declared jsonb)
returns table (part text, before jsonb, after jsonb)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  name constant text := declared ->> 'name';
  present constant postrider.event_type := (select t from postrider.event_type t where t.name = name);
  old_row constant jsonb := case when present.name is not null then to_jsonb(present) end;
  wanted jsonb := '{"description": null, "json_schema": null, "enforce": false, "deprecated": false}';
begin
  if declared ->> 'state' = 'absent' then
    if old_row is not null then
      perform postrider.drop_event_type(name);
      before := to_jsonb(name);
      return next;
    end if;
    return;
  end if;
  -- A schema that is left out is kept, as define_event_type() does.
  wanted := wanted || jsonb_build_object('json_schema', present.json_schema) || declared - '{name,state}'::text[];
  if old_row @> wanted and old_row -> 'json_schema' = wanted -> 'json_schema' then
    return;
  end if;
  if wanted -> 'json_schema' = 'null' then
    update postrider.event_type t set json_schema = null, enforce = false where t.name = name and t.json_schema is not null;
  end if;
  perform postrider.define_event_type(name, wanted ->> 'description', nullif(wanted -> 'json_schema', 'null'),
    (wanted ->> 'enforce')::boolean, (wanted ->> 'deprecated')::boolean);
  if old_row is null then
    after := to_jsonb(name);
    return next;
  end if;
  return query
    select w.key, old_row -> w.key, w.value
    from jsonb_each(wanted) w (key, value)
    where old_row -> w.key is distinct from w.value and (old_row is not null or declared ? w.key)
    order by array_position('{description,json_schema,enforce,deprecated}', w.key);
end
$$;
comment on function postrider_internal.apply_event_type(jsonb) is
  'Makes the definition of an event type what an entry of a file says, and returns what that changed: first, without a part, whether the type was defined or dropped.';
