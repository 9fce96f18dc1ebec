-- grant: execute to operator

create or replace function postrider_internal.begin_api_request(
  request_id bytea, given_hash bytea, out state text, out status smallint, out answer text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kept constant interval := '24 hours';
begin
  -- Until the transaction ends. A row would make the second request wait for the first.
  if not pg_try_advisory_xact_lock(('x' || encode(substring(request_id for 8), 'hex'))::bit(64)::bigint) then
    state := 'in progress';
    return;
  end if;
  select case when r.request_hash = given_hash then 'done' else 'another' end, r.status, r.answer
  into state, begin_api_request.status, begin_api_request.answer
  from postrider.api_request r
  where r.id = request_id and r.created_at > now() - kept;
  state := coalesce(state, 'new');
end
$$;
comment on function postrider_internal.begin_api_request(bytea, bytea) is
  'Whether a request of the API with an Idempotency-Key is to be done. state: new; in progress: another transaction does it; done: with the answer that it got; another: the key was used for another request.';
