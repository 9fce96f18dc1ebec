create or replace function postrider_internal.note_exhausted(
  exhausted integer[],
  event_ids uuid[],
  endpoint_ids uuid[],
  attempts_before_now integer[],
  http_statuses smallint[],
  failure_kinds text[],
  reasons text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_others alone, under the planner settings of record_results. Not of our own events: one that an endpoint
-- does not take must not make another. Nor of tests.
declare
  delivery record;
begin
  for delivery in
    select r.p, o.event_type
    from (select unnest(exhausted) as p) r
    cross join lateral (
      select e.event_type from postrider.outbox e
      where e.id = event_ids[r.p] and e.test_endpoint_id is null and not starts_with(e.event_type, 'postrider.')
      offset 0) o
  loop
    perform postrider_internal.note_endpoint_event('postrider.delivery.exhausted', endpoint_ids[delivery.p], (
      select row_to_json(f)
      from (
        select event_ids[delivery.p] as event_id, delivery.event_type, attempts_before_now[delivery.p] + 1 as attempts,
               http_statuses[delivery.p] as http_status, failure_kinds[delivery.p] as failure_kind,
               coalesce(reasons[delivery.p], 'the retry schedule is used up') as reason) f));
  end loop;
end
$$;
comment on function postrider_internal.note_exhausted(integer[], uuid[], uuid[], integer[], smallint[], text[], text[]) is
  'Inserts an event postrider.delivery.exhausted for each of these results, from 1.';
