create or replace function postrider_internal.present_allowance(
  endpoint_id uuid, share integer, out allowed integer, out look_again timestamptz
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- A slot that comes free is filled by the daemon that records the result. The others look as often as this.
  slot_wait constant interval := interval '1 s';
  -- Until uncounted deliveries are recorded, or have gone back to the queue.
  settling_wait constant interval := interval '250 ms';
  limits record;
  free_slots integer;
begin
  select e.max_in_flight, p.unsettled_since into limits
  from postrider.endpoint e
  left join postrider.endpoint_pace p on p.endpoint_id = e.id
  where e.id = present_allowance.endpoint_id;
  allowed := share;
  if limits.max_in_flight is not null then
    free_slots := limits.max_in_flight - postrider_internal.count_counted(endpoint_id)
      - case when limits.unsettled_since is null then 0 else postrider_internal.count_uncounted(endpoint_id) end;
    if free_slots <= share then
      allowed := greatest(0, free_slots);
      look_again := now() + case when limits.unsettled_since is null then slot_wait else settling_wait end;
    end if;
  end if;
end
$$;
comment on function postrider_internal.present_allowance(uuid, integer) is
  'How many requests an endpoint''s limits allow now, share at most; if they allow no more, when to look again once so many are leased. Locks nothing.';
