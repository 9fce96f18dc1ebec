-- Every function or statement of an operator takes its locks in this order: the endpoint's row, then those of its secrets,
-- subscriptions and deliveries. A daemon holds deliveries first, so it never waits for an operator's lock. An edit of
-- endpoint_secret by hand cannot keep this order, because it holds the secret's row before its trigger increments the
-- endpoint's revision. It tries for the endpoint, and gives up with an error instead of waiting, so that it cannot be part
-- of a deadlock.

create or replace function postrider_internal.lock_endpoint(endpoint_id uuid) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  endpoint_state text;
begin
  select e.state into endpoint_state from postrider.endpoint e where e.id = lock_endpoint.endpoint_id for no key update;
  if not found then
    perform postrider_internal.require_endpoint(lock_endpoint.endpoint_id);
  end if;
  return endpoint_state;
end
$$;
comment on function postrider_internal.lock_endpoint(uuid) is
  'Locks an endpoint and returns its state, which stays the same until this transaction ends. An operator''s actions take this lock first, then those on secrets, subscriptions or deliveries.';
