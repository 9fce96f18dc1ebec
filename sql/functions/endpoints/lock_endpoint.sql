-- Order of locks, for everything that an operator does by one function or one statement: an endpoint's row, then those of
-- its secrets, subscriptions and deliveries. A daemon holds deliveries first, and therefore waits for none of an operator's
-- by hand, which has the secret's row before its trigger counts up the endpoint's revision: it tries for the endpoint, and
-- gives up with an error rather than wait, so that it is never part of a circle.

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
  'The state of an endpoint, which nobody else changes until this transaction has ended: what follows from it is right. An operator''s actions take this lock first, then that on secrets, subscriptions or deliveries.';
