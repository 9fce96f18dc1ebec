create or replace function postrider_internal.asked_time(endpoint_id uuid, due_at timestamptz) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  first_at timestamptz;
begin
  if due_at <= clock_timestamp() and exists (
    select from postrider.endpoint e where e.id = asked_time.endpoint_id and e.circuit_opened_at is not null)
  then
    select d.next_attempt_at into first_at
    from postrider.delivery d
    where d.endpoint_id = asked_time.endpoint_id and d.state = 'pending' and d.ordering_seq is null
    order by d.next_attempt_at
    limit 1;
  end if;
  return least(due_at, first_at - interval '1 us');
end
$$;
comment on function postrider_internal.asked_time(uuid, timestamptz) is
  'When a delivery that a person asks for is due: before all that wait behind an open circuit, so that it is found among them.';
