-- grant: execute to operator

create or replace function postrider_internal.is_public_jwk(key jsonb) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- It raises an error instead of returning false, because the error must say what is wrong with the key, and must not show
-- it: it may be a private one. Whether a point is on its curve is found by the daemon that loads the key.
declare
  kty constant text := key ->> 'kty';
  crv constant text := key ->> 'crv';
  ops constant jsonb := key -> 'key_ops';
  alg constant text := case when kty = 'RSA' then 'RSA-OAEP-256' else 'ECDH-ES+A256KW' end;
  x constant bytea := postrider_internal.base64url_bytes(key -> 'x');
  y constant bytea := postrider_internal.base64url_bytes(key -> 'y');
  n constant bytea := postrider_internal.base64url_bytes(key -> 'n');
  advice text := 'encryption_key is a public JWK: {"kty": "OKP", "crv": "X25519", "x": "..."}, {"kty": "EC", "crv": "P-256", "x": "...", "y": "..."} or {"kty": "RSA", "n": "...", "e": "AQAB"}.';
  problem text;
begin
  if jsonb_typeof(key) <> 'object' then
    problem := 'is not a JSON object';
  elsif kty = 'oct' or key ? 'k' then
    problem := 'is symmetric: whoever can encrypt with it can decrypt';
  elsif key ?| '{d,p,q,dp,dq,qi,oth}' then
    problem := 'is private';
    advice := 'Give the public half alone, without d, p, q, dp, dq, qi and oth. Make a new pair if others may have seen this one.';
  elsif key ? 'keys' then
    problem := 'is a set of keys';
    advice := 'Give one key of the set.';
  elsif kty is null or kty not in ('OKP', 'EC', 'RSA') then
    problem := 'has no kty of OKP, EC or RSA';
  elsif kty = 'OKP' and crv is distinct from 'X25519' or kty = 'EC' and crv is distinct from 'P-256' then
    problem := format('has another curve than %s', case when kty = 'OKP' then 'X25519' else 'P-256' end);
  elsif kty in ('OKP', 'EC') and length(x) is distinct from 32 then
    problem := 'has an x that is not 32 bytes in base64url without padding';
  elsif kty = 'EC' and length(y) is distinct from 32 then
    problem := 'has a y that is not 32 bytes in base64url without padding';
  elsif kty = 'RSA' and (n is null or get_byte(n, 0) = 0) then
    problem := 'has an n that is not base64url without padding and without zeros before the number';
  elsif kty = 'RSA' and (length(n) < 384 or length(n) = 384 and get_byte(n, 0) < 128) then
    problem := 'is shorter than 3072 bits';
    advice := 'Make one of 3072 bits, or one of X25519, which is shorter and quicker.';
  elsif kty = 'RSA' and length(n) > 1024 then
    problem := 'is longer than 8192 bits';
    advice := 'Make one of 3072 bits, or one of X25519, which is shorter and quicker.';
  elsif kty = 'RSA' and get_byte(n, length(n) - 1) % 2 = 0 then
    problem := 'has an even n, which no RSA key has';
  elsif kty = 'RSA' and key -> 'e' is distinct from '"AQAB"' then
    problem := 'has another e than AQAB, which is 65537';
  elsif key ? 'alg' and key -> 'alg' <> to_jsonb(alg) then
    problem := format('is for another algorithm than %s', alg);
    advice := format('Leave alg out if the receiver can decrypt %s, or give a key that is for it.', alg);
  elsif key ? 'use' and key -> 'use' <> '"enc"' then
    problem := 'has another use than enc';
    advice := 'Give a key that is for encryption: one that signs must not encrypt as well.';
  elsif jsonb_typeof(ops) <> 'array' or kty = 'RSA' and not ops ?| '{encrypt,wrapKey}'
    or kty <> 'RSA' and ops <> '[]' and not ops ?| '{deriveKey,deriveBits}' then
    problem := 'has key_ops that do not allow this encryption';
    advice := format('Leave key_ops out, or give a key that has one of them: %s.',
      case when kty = 'RSA' then 'encrypt, wrapKey' else 'deriveKey, deriveBits' end);
  elsif key ? 'kid' and (jsonb_typeof(key -> 'kid') <> 'string' or length(key ->> 'kid') not between 1 and 255) then
    problem := 'has a kid that is not a text of 1 to 255 characters';
  elsif length(key::text) > 16384 then
    problem := 'has more than 16384 characters';
  end if;
  if problem is not null then
    raise exception 'the encryption key %', problem
      using errcode = 'check_violation', constraint = 'encryption_key is a public JWK that can encrypt',
        schema = 'postrider', table = 'endpoint', column = 'encryption_key', hint = advice;
  end if;
  return true;
end
$$;
comment on function postrider_internal.is_public_jwk(jsonb) is
  'True if bodies can be encrypted to this public JWK. Otherwise it raises an error that says why, and does not show the key.';
