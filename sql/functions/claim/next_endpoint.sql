create or replace function postrider_internal.next_endpoint(after_endpoint uuid, known_in_order uuid)
returns table (endpoint_id uuid, next_attempt_at timestamptz, is_asked boolean, in_order uuid)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings.
begin
  in_order := known_in_order;
  if known_in_order <= after_endpoint then
    in_order := (
      select d.endpoint_id
      from postrider.delivery d
      where d.endpoint_id > after_endpoint and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
      order by d.endpoint_id, d.ordering_key
      limit 1);
  end if;
  select w.endpoint_id, w.next_attempt_at, w.is_asked into endpoint_id, next_attempt_at, is_asked
  from postrider.delivery w
  where w.state = 'pending' and w.ordering_seq is null and w.endpoint_id > after_endpoint
  order by w.endpoint_id, w.next_attempt_at
  limit 1;
  if in_order < endpoint_id or endpoint_id is null then
    endpoint_id := in_order;
    next_attempt_at := null;
    is_asked := null;
  end if;
  return next;
end
$$;
comment on function postrider_internal.next_endpoint(uuid, uuid) is
  'The next endpoint after that one for which something waits, null if there is none; when the first of it comes due that is in no order, and whether a person asks for it; and the next endpoint with something in the order of a key, which is looked up only if the known one is not behind it.';
