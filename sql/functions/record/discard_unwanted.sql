create or replace function postrider_internal.discard_unwanted(
  event_ids uuid[],
  endpoint_ids uuid[],
  states text[],
  out discarded integer[],
  out discard_reasons text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  select array_agg(r.p order by r.p),
         array_agg(coalesce(postrider_internal.readable(c.reason), postrider_internal.discard_reason(e.state)) order by r.p)
  into discarded, discard_reasons
  from generate_series(1, cardinality(states)) r (p)
  left join postrider.endpoint e on e.id = endpoint_ids[r.p]
  left join postrider.cancellation c on c.event_id = event_ids[r.p] and c.endpoint_id = endpoint_ids[r.p]
  where states[r.p] = 'pending' and (c.reason is not null or e.state is null or e.state = 'disabled');
end
$$;
comment on function postrider_internal.discard_unwanted(uuid[], uuid[], text[]) is
  'Which results, from 1, would be attempted again although the delivery was cancelled meanwhile, or its endpoint was disabled or deleted; and the reasons with which they are discarded.';
