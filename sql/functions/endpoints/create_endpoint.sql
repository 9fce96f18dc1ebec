-- grant: execute to operator

create or replace function postrider.create_endpoint(
  url text, event_types text[] default '{*}', tenant text default '', options jsonb default '{}',
  out endpoint_id uuid, out secret text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  given constant postrider.endpoint := postrider_internal.read_options(options);
  given_tenant constant text := coalesce(tenant, '');
begin
  if event_types is null or array_position(event_types, null) is not null then
    raise exception 'event_types is null or holds a null'
      using errcode = 'null_value_not_allowed', hint = 'Give the types that the endpoint should get, such as array[''order.*'']; an empty array for none yet.';
  end if;
  endpoint_id := postrider.uuid_v7();
  perform postrider_internal.begin_action('create_endpoint', endpoint_id, jsonb_build_object(
    'url', postrider_internal.url_without_secrets(url), 'event_types', event_types, 'tenant', given_tenant,
    'options', options - array(select o.name from postrider_internal.endpoint_options() o where o.is_secret)));
  -- Only the given options are written, so the other columns get their defaults.
  execute (
    select format('insert into postrider.endpoint (id, tenant, url%s) values ($1, $2, $3%s)',
                  string_agg(format(', %I', o.name), ''), string_agg(format(', ($4).%I', o.name), ''))
    from postrider_internal.endpoint_options() o
    where options ? o.name)
  using endpoint_id, given_tenant, url, given;
  -- A daemon makes the other kind of key, which a trigger has asked for.
  if given.signing is distinct from 'ed25519' then
    secret := postrider_internal.new_secret();
    insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, secret);
  end if;
  insert into postrider.subscription (endpoint_id, event_type)
  select endpoint_id, t.event_type from unnest(event_types) t (event_type);
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.create_endpoint(text, text[], text, jsonb) is
  'Creates an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with; no secret if its requests are signed by ed25519 alone, because a daemon makes that key (postrider.endpoint_secret.public_key). Use it for each new receiver. Options are columns of postrider.endpoint, whose comments describe them; those left out have the column''s default.';
