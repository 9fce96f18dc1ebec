-- grant: execute to reader, operator

create or replace function postrider_internal.close_api_session(token_hash bytea) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  delete from postrider.api_session s where s.token_hash = close_api_session.token_hash;
end;
comment on function postrider_internal.close_api_session(bytea) is 'Ends a session of the dashboard, by the SHA-256 of its token.';
