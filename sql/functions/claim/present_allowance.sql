-- grant: execute to reader, operator

create or replace function postrider_internal.present_allowance(
  endpoint_id uuid, share integer, out allowed integer, out look_again timestamptz
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- The rate is a bucket of `burst` units that fills at `rate`. Its content follows from one time (GCRA): until when the
-- units taken so far would last at an even pace.
declare
  -- A slot that comes free is filled by the daemon that records the result. The others look as often as this.
  slot_wait constant interval := interval '1 s';
  -- Until uncounted deliveries are recorded, or have gone back to the queue.
  settling_wait constant interval := interval '250 ms';
  -- Units are gathered for so many seconds if the burst allows it, because each look is a walk.
  gathering constant float8 := 0.05;
  clock constant timestamptz := clock_timestamp();
  limits record;
  free_slots integer;
  units integer;
  seconds_spent float8;
begin
  select e.max_in_flight, e.effective_rate::float8 as rate, postrider_internal.rate_burst(e.effective_rate, e.rate_burst) as burst,
         p.unsettled_since, coalesce(p.spent_until, clock) as spent_until into limits
  from postrider.endpoint e
  left join postrider.endpoint_pace p on p.endpoint_id = e.id
  where e.id = present_allowance.endpoint_id;
  if limits.max_in_flight is not null then
    free_slots := limits.max_in_flight - postrider_internal.count_counted(endpoint_id)
      - case when limits.unsettled_since is null then 0 else postrider_internal.count_uncounted(endpoint_id) end;
  end if;
  if limits.rate is not null then
    seconds_spent := greatest(0, extract(epoch from limits.spent_until - clock)::float8);
    units := floor(limits.burst - seconds_spent * limits.rate);
  end if;
  allowed := greatest(0, least(share, free_slots, units));
  if free_slots <= allowed then
    look_again := clock + case when limits.unsettled_since is null then slot_wait else settling_wait end;
  end if;
  if units <= allowed then
    look_again := greatest(look_again, clock + interval '1 s' * (
      seconds_spent
      + (allowed - limits.burst + least(limits.burst, greatest(1, ceil(limits.rate * gathering)))) / limits.rate));
  end if;
end
$$;
comment on function postrider_internal.present_allowance(uuid, integer) is
  'How many requests an endpoint''s limits allow now, share at most; if they allow no more, when to look again once so many are leased. Locks nothing.';
