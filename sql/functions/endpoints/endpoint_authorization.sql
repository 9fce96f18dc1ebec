create or replace function postrider_internal.endpoint_authorization() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- A check of the table would show the row; a domain sees one column alone.
declare
  header_name constant text := lower(case when new.auth ->> 'type' = 'header' then new.auth ->> 'name' else 'authorization' end collate "C");
begin
  if new.auth is not null and exists (select from jsonb_object_keys(new.headers) h (name) where lower(h.name collate "C") = header_name) then
    raise exception 'auth and headers both set the header %', to_json(header_name)
      using errcode = 'check_violation', constraint = 'auth sets a header that headers do not set',
        schema = 'postrider', table = 'endpoint', column = 'auth', hint = 'Take it out of headers, or set auth to null.';
  end if;
  if new.client_certificate is not null and new.url ~* '^http:' then
    raise exception 'a client certificate needs https, and the url is http'
      using errcode = 'check_violation', constraint = 'client_certificate needs a url with https',
        schema = 'postrider', table = 'endpoint', column = 'client_certificate',
        hint = 'It would never be shown. Give a url with https, or set client_certificate to null.';
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_authorization() is 'Refuses two values for the header that says who sends, and a client certificate that is never shown.';

create or replace trigger endpoint_authorization before insert or update of auth, headers, client_certificate, url on postrider.endpoint
  for each row execute function postrider_internal.endpoint_authorization();
comment on trigger endpoint_authorization on postrider.endpoint is 'Refuses two values for the header that says who sends, and a client certificate that is never shown.';
