create or replace function postrider_internal.discard_unwanted(
  event_ids uuid[],
  endpoint_ids uuid[],
  inout states text[],
  inout reasons text[],
  out discarded integer[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  select array_agg(case when u.is_unwanted then 'discarded' else u.state end order by u.n),
         array_agg(case when u.is_unwanted then coalesce(u.cancel_reason, postrider_internal.discard_reason(u.endpoint_state))
                        else u.reason end order by u.n),
         array_agg(u.n::integer order by u.n) filter (where u.is_unwanted)
  into states, reasons, discarded
  from (
    select r.n, r.state, r.reason, c.reason as cancel_reason, e.state as endpoint_state,
           r.state = 'pending' and (c.reason is not null or e.state is null or e.state = 'disabled') as is_unwanted
    from unnest(event_ids, endpoint_ids, states, reasons) with ordinality r (event_id, endpoint_id, state, reason, n)
    left join postrider.endpoint e on e.id = r.endpoint_id
    left join postrider.cancellation c on c.event_id = r.event_id and c.endpoint_id = r.endpoint_id) u;
end
$$;
comment on function postrider_internal.discard_unwanted(uuid[], uuid[], text[], text[]) is
  'Changes results that would be attempted again to discarded if the delivery was cancelled meanwhile, or its endpoint was disabled or deleted. discarded: which results, from 1, those are.';
