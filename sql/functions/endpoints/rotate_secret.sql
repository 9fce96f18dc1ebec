-- grant: execute to operator

create or replace function postrider.rotate_secret(endpoint_id uuid, overlap interval default '24 hours') returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  signing text;
  new_secret text;
  old_until timestamptz;
begin
  if overlap is null or not overlap between interval '0' and interval '1 year' or now() + overlap < now() then
    raise exception 'an overlap of % is not possible', coalesce(overlap::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 0 to 1 year: for so long the old secret signs beside the new one.';
  end if;
  old_until := now() + overlap;
  perform postrider_internal.lock_endpoint(endpoint_id);
  perform postrider_internal.begin_action('rotate_secret', endpoint_id, jsonb_build_object('overlap', postrider_internal.audited(overlap)));
  -- A secret that no longer signs could only be stolen. A key that no daemon has made yet is asked for again.
  -- One that this transaction has made by changing signing was shown to no one, and nothing was signed with it.
  delete from postrider.endpoint_secret s
  where s.endpoint_id = endpoint_id and s.kind in ('hmac', 'ed25519') and (s.expires_at <= now() or s.secret is null or s.created_at = now());
  update postrider.endpoint_secret s set expires_at = old_until
  where s.endpoint_id = endpoint_id and s.kind in ('hmac', 'ed25519') and (s.expires_at is null or s.expires_at > old_until);
  select e.signing into signing from postrider.endpoint e where e.id = endpoint_id;
  if signing <> 'ed25519' then
    new_secret := postrider_internal.new_secret();
    insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, new_secret);
  end if;
  if signing <> 'hmac' then
    insert into postrider.endpoint_secret (endpoint_id, kind) values (endpoint_id, 'ed25519');
    perform postrider_internal.notify_daemons('operator');
  end if;
  perform postrider_internal.end_action();
  return new_secret;
end
$$;
comment on function postrider.rotate_secret(uuid, interval) is
  'Makes a new secret for an endpoint and returns it. Use it if a secret was exposed, or regularly, and give the new one to the receiver. Every request is signed with the new secret and, until the overlap has passed, with the old ones too; an overlap of 0 drops them at once. If signing has ed25519, a daemon also makes a new key, within moments: its public half appears in postrider.endpoint_secret. For ed25519 alone it returns null.';
