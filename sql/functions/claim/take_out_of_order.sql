create or replace function postrider_internal.take_out_of_order(endpoint_id uuid) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by find_heads alone, under its planner settings. They are taken in any order, so that none is read beyond the limit.
declare
  rows_max constant integer := 1000;
  taken_count integer;
begin
  with waiting as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = take_out_of_order.endpoint_id and (d.lease_expires_at is null or d.lease_expires_at <= now())
      and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
    limit rows_max
    for update skip locked
  )
  update postrider.delivery d
  set ordering_key = null, ordering_seq = null, halts = null
  from waiting w
  -- Not the parameter, as in put_in_order.
  where d.event_id between w.event_id and w.event_id and d.endpoint_id = w.endpoint_id;
  get diagnostics taken_count = row_count;
  return taken_count;
end
$$;
comment on function postrider_internal.take_out_of_order(uuid) is
  'Takes deliveries of an endpoint that is no longer ordered out of the order of their keys, up to a limit, and returns how many. From then on they are sent as they come due.';
