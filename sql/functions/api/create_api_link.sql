-- grant: execute to operator

create or replace function postrider.create_api_link(key_id uuid, valid_for interval default '10 minutes') returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  link constant text := postrider_internal.new_api_token('prl_');
begin
  if not exists (select from postrider.api_key k where k.id = key_id) then
    raise exception 'there is no key %', coalesce(key_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, name, created_at, last_used_at from postrider.api_key lists them.';
  end if;
  if valid_for is null or not valid_for between interval '1 second' and interval '1 day' then
    raise exception 'a link cannot be valid for %', coalesce(valid_for::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 1 second to 1 day.';
  end if;
  delete from postrider.api_session s where s.expires_at <= now();
  insert into postrider.api_session (api_key_id, link_hash, expires_at)
  values (key_id, sha256(convert_to(link, 'UTF8')), now() + valid_for);
  perform postrider_internal.note_action('create_api_link', null, null, jsonb_build_object('key_id', key_id));
  return link;
end
$$;
comment on function postrider.create_api_link(uuid, interval) is
  'Makes what a browser logs in with once, with the scopes of a key, and returns it: the dashboard takes it as /#/login=... Use it to let somebody in without handing out a key.';
