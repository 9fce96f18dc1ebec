-- grant: execute to operator

create or replace function postrider_internal.keep_api_request(request_id bytea, request_hash bytea, status smallint, answer text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  insert into postrider.api_request (id, request_hash, status, answer)
  values (request_id, keep_api_request.request_hash, keep_api_request.status, keep_api_request.answer)
  -- One that is older than a day, and was not removed yet.
  on conflict on constraint api_request_pkey do update
    set request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer, created_at = excluded.created_at;
end;
comment on function postrider_internal.keep_api_request(bytea, bytea, smallint, text) is
  'Keeps what the API answered to a request with an Idempotency-Key, in the transaction that did it.';
