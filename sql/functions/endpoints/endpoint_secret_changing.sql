create or replace function postrider_internal.endpoint_secret_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  secrets_max constant integer := 10;
  tries_max constant integer := 50;
  pause_seconds constant double precision := 0.01;
  others integer;
  is_locked boolean := false;
begin
  if tg_op = 'INSERT' then
    -- This comes first because the foreign key's check locks the endpoint too weakly for what follows.
    perform from postrider.endpoint e where e.id = new.endpoint_id for no key update;
  else
    -- This transaction has locked the secret's row, and the one that holds the endpoint's row may need it.
    for try in 1 .. tries_max loop
      perform from postrider.endpoint e where e.id = old.endpoint_id for no key update skip locked;
      is_locked := found or not exists (select from postrider.endpoint e where e.id = old.endpoint_id);
      exit when is_locked;
      perform pg_sleep(pause_seconds);
    end loop;
    if not is_locked then
      raise exception 'another session is changing endpoint %', old.endpoint_id
        using errcode = 'lock_not_available', detail = 'A change of its secrets is also a change of the endpoint.',
          hint = 'Try again when that transaction has ended; postrider.rotate_secret waits for it.';
    end if;
    if tg_op = 'DELETE' then
      return old;
    end if;
  end if;
  if new.kind not in ('hmac', 'ed25519') then
    if new.secret is null or new.secret !~ '^([{]|sealed:)' then
      raise exception 'the secret is not one of its kind, %', new.kind
        using errcode = 'check_violation', hint = format('Write it to the column %I of postrider.endpoint.', new.kind);
    end if;
    new.expires_at := null;
    return new;
  end if;
  if new.kind = 'hmac' and coalesce(new.secret ~ '^(whsk_|[{])', true) or new.kind = 'ed25519' and new.secret ~ '^(whsec_|[{])' then
    raise exception 'the secret is not one of its kind, %', new.kind
      using errcode = 'check_violation', hint = 'A secret of the kind hmac is whsec_ and base64, one of the kind ed25519 is whsk_ and base64, or null for one that a daemon is to make.';
  end if;
  -- A sealed key does not show its public half, so whoever seals it says what that is.
  new.public_key := case
    when new.secret ~ '^whsk_' then 'whpk_' || encode(substring(decode(substring(new.secret from 6), 'base64') from 33), 'base64')
    when new.kind = 'ed25519' and new.secret is not null then new.public_key end;
  if new.expires_at is null or new.expires_at > now() then
    select count(*) into others
    from postrider.endpoint_secret s
    where s.endpoint_id = new.endpoint_id and s.kind in ('hmac', 'ed25519') and s.id <> new.id and (s.expires_at is null or s.expires_at > now());
    if others >= secrets_max then
      raise exception 'endpoint % has % secrets in force already', new.endpoint_id, others
        using errcode = 'program_limit_exceeded',
          detail = 'Each of them signs every request, and receivers limit the length of the header.',
          hint = 'Wait until one expires, or expire one: update postrider.endpoint_secret set expires_at = now() where id = ....';
    end if;
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_secret_changing() is 'Lets at most 10 secrets sign for an endpoint, each of its kind, fills in public keys, and locks the endpoint in a way that cannot deadlock.';

create or replace trigger endpoint_secret_changing before insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider_internal.endpoint_secret_changing();
comment on trigger endpoint_secret_changing on postrider.endpoint_secret is 'Judges the secrets of an endpoint, and locks it.';
