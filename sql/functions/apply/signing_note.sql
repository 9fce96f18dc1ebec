create or replace function postrider_internal.signing_note(endpoint_id uuid, signing text, reference text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when signing_note.signing <> 'ed25519' and not coalesce(h.has_hmac, false) then
      format('the new secret is shown to no one: select postrider.rotate_secret(%s) makes another one and returns it', signing_note.reference)
    when signing_note.signing <> 'hmac' and not coalesce(h.has_ed25519, false) then
      format('a daemon makes the key: select public_key from postrider.endpoint_secret where endpoint_id = %s and kind = ''ed25519''', signing_note.reference)
  end
  from (
    select bool_or(s.kind = 'hmac') as has_hmac, bool_or(s.kind = 'ed25519') as has_ed25519
    from postrider.endpoint_secret s
    where s.endpoint_id = signing_note.endpoint_id and (s.expires_at is null or s.expires_at > now())) h;
end;
comment on function postrider_internal.signing_note(uuid, text, text) is
  'Where the receiver''s part of what an endpoint will be signed with is found, if a change of signing makes it.';
