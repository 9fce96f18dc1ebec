create or replace function postrider_internal.apply_endpoint(declared jsonb, defaults jsonb)
returns table (part text, before jsonb, after jsonb, note text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  name constant text := declared ->> 'name';
  tenant constant text := coalesce(declared ->> 'tenant', '');
  options constant jsonb := declared -> 'options' || jsonb_build_object('name', name);
  -- As Postgres writes them, so that what means the same is no change.
  given constant postrider.endpoint := postrider_internal.read_options(options);
  present constant postrider.endpoint := (select e from postrider.endpoint e where e.tenant = tenant and e.name = name);
  wanted jsonb;
  changed text[];
  endpoint_id uuid := present.id;
  has_secret boolean;
  signing_note text;
  reference constant text := format('postrider.endpoint_id(%s)', concat_ws(', ', quote_literal(name), quote_literal(nullif(tenant, ''))));
begin
  if declared ->> 'state' = 'absent' then
    if endpoint_id is not null then
      note := postrider_internal.ended_deliveries(endpoint_id);
      perform postrider.delete_endpoint(endpoint_id, declared ->> 'reason');
      before := to_jsonb(coalesce(present.shown_url, '(pull)'));
      return next;
    end if;
    return;
  end if;

  select coalesce(jsonb_object_agg(o.key, to_jsonb(given) -> o.key), '{}') into wanted from jsonb_object_keys(options) o (key);
  wanted := case when present.id is null then '{}' else defaults end || wanted || jsonb_build_object('url', declared -> 'url');
  -- What is stored of a credential, sealed or not, cannot be compared with it.
  wanted := wanted || (
    select coalesce(jsonb_object_agg(o.name, to_jsonb(present) -> o.name), '{}')
    from unnest('{auth,client_certificate}'::text[]) o (name)
    where postrider_internal.is_stored_credential(endpoint_id, o.name, wanted -> o.name));
  changed := array(
    select c.part from postrider_internal.option_changes(to_jsonb(present), wanted) c where c.part <> 'name');
  if present.id is null then
    select c.endpoint_id, c.secret is not null into endpoint_id, has_secret
    from postrider.create_endpoint(declared ->> 'url', '{}', tenant, options) c;
    return query
      select null::text, null::jsonb, to_jsonb(coalesce(e.shown_url, '(pull)')),
             case when e.kind = 'pull' then format('its token: select postrider.create_pull_token(%s); ', reference) else '' end || case when has_secret then format('its secret is shown to no one: select postrider.rotate_secret(%s, overlap => ''0'') makes one and returns it', reference)
               else format('a daemon makes its key: select public_key from postrider.endpoint_secret where endpoint_id = %s', reference) end
      from postrider.endpoint e where e.id = endpoint_id;
  elsif changed <> '{}' then
    signing_note := postrider_internal.signing_note(endpoint_id, wanted ->> 'signing', reference);
    perform postrider_internal.begin_action('apply_endpoint', endpoint_id, '{}');
    execute (
      select format('update postrider.endpoint set %s where id = $1', string_agg(format('%1$I = ($2).%1$I', c.name), ', '))
      from unnest(changed) c (name))
    using endpoint_id, jsonb_populate_record(null::postrider.endpoint, wanted);
    perform postrider_internal.end_action();
  end if;
  return query
    select c.part, c.before, c.after, case c.part when 'signing' then signing_note end
    from postrider_internal.option_changes(to_jsonb(present), wanted) c
    where c.part = any (changed);
  return query
    select 'subscription', c.before, c.after, null::text
    from postrider_internal.apply_subscriptions(endpoint_id, declared -> 'subscriptions') c;
  return query
    select 'state', c.before, c.after, c.note
    from postrider_internal.apply_state(endpoint_id, declared ->> 'state', declared ->> 'reason') c;
end
$$;
comment on function postrider_internal.apply_endpoint(jsonb, jsonb) is
  'Makes an endpoint what an entry of a file says, and returns what that changed: first, without a part, whether the endpoint was made or deleted. Options that are left out get their defaults, and a state that is left out stays.';
