create or replace function postrider_internal.discard_unwanted(
  event_ids uuid[],
  endpoint_ids uuid[],
  inout states text[],
  inout reasons text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  select array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.state
                        else 'discarded' end order by r.n),
         array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.reason
                        else coalesce(c.reason, postrider_internal.discard_reason(e.state)) end order by r.n)
  into states, reasons
  from unnest(event_ids, endpoint_ids, states, reasons) with ordinality r (event_id, endpoint_id, state, reason, n)
  left join postrider.endpoint e on e.id = r.endpoint_id
  left join postrider.cancellation c on c.event_id = r.event_id and c.endpoint_id = r.endpoint_id;
end
$$;
comment on function postrider_internal.discard_unwanted(uuid[], uuid[], text[], text[]) is
  'Changes results that would be attempted again to discarded if the delivery was cancelled meanwhile, or its endpoint was disabled or deleted.';
