create or replace function postrider_internal.endpoint_pulling() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- A check of the table would show the row, with the values of its headers; a domain sees one column alone.
declare
  -- What its pages are made with; everything else is about requests that are sent.
  its_options constant text[] := '{kind,name,description,format,signing,encryption_key}';
  useless text;
begin
  if tg_op = 'UPDATE' and new.kind <> old.kind then
    raise exception 'the kind of an endpoint cannot be changed, and this one is %', old.kind
      using errcode = 'check_violation', constraint = 'kind stays what it was', schema = 'postrider', table = 'endpoint', column = 'kind',
        hint = format('Create another endpoint with kind %s, replay to it what it should have, and delete this one.', new.kind);
  end if;
  if (new.kind = 'pull') <> (new.url is null) then
    raise exception 'an endpoint % url', case new.kind when 'pull' then 'whose kind is pull has no' else 'needs a' end
      using errcode = 'check_violation', constraint = 'url is null if and only if kind is pull', schema = 'postrider', table = 'endpoint', column = 'url',
        hint = case new.kind when 'pull' then 'Set url to null: its receiver fetches its events.' else 'Give one, or set kind to pull, so that its receiver fetches its events.' end;
  end if;
  if new.kind = 'push' then
    return new;
  end if;
  if new.format not in ('standard', 'cloudevents') then
    raise exception 'an endpoint whose kind is pull cannot have the format %', new.format
      using errcode = 'check_violation', constraint = 'kind pull needs a format that can be batched', schema = 'postrider', table = 'endpoint', column = 'format',
        hint = 'Set format to standard or cloudevents: its receiver gets pages of several events.';
  end if;
  select o.name into useless
  from postrider_internal.endpoint_options() o
  where o.name <> all (its_options) and to_jsonb(new) -> o.name is distinct from postrider_internal.endpoint_defaults() -> o.name
  limit 1;
  if useless is not null then
    raise exception 'an endpoint whose kind is pull cannot have the option %', useless
      using errcode = 'check_violation', constraint = 'kind pull takes no options of requests', schema = 'postrider', table = 'endpoint', column = useless,
        hint = format('It is about requests that are sent, and this receiver fetches its events. Leave it out; what it can have is %s.', array_to_string(its_options, ', '));
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_pulling() is
  'Refuses another kind than an endpoint was created with, a pull endpoint with a URL or with options of requests, and any other without a URL.';

create or replace trigger endpoint_pulling before insert or update on postrider.endpoint
  for each row when (new.kind = 'pull' or new.url is null)
  execute function postrider_internal.endpoint_pulling();
comment on trigger endpoint_pulling on postrider.endpoint is 'Refuses what a pull endpoint cannot have, and any other without a URL.';

create or replace trigger endpoint_kind_changing before update of kind on postrider.endpoint
  for each row when (new.kind <> old.kind)
  execute function postrider_internal.endpoint_pulling();
comment on trigger endpoint_kind_changing on postrider.endpoint is 'Refuses another kind.';
