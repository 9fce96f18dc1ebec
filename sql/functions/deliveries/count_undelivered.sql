-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.count_undelivered(counted_max integer)
returns table (endpoint_id uuid, exhausted bigint, discarded bigint, is_exact boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Reads delivery_undelivered in its order, in the parts that count_waiting reads delivery_oldest in, and for the same reasons.
declare
  share integer := counted_max;
  counted bigint := 0;
  place uuid := '00000000-0000-0000-0000-000000000000';
  endpoint_ids uuid[];
  exhausted_counts bigint[];
  discarded_counts bigint[];
  is_cut boolean;
  whole_count integer;
begin
  loop
    with part as (
      select d.endpoint_id, d.state
      from postrider.delivery d
      where d.state in ('exhausted', 'discarded') and d.endpoint_id > place
      order by d.endpoint_id, d.event_id
      limit share + 1
    ), ended as (
      select p.endpoint_id, count(*) filter (where p.state = 'exhausted') as exhausted,
             count(*) filter (where p.state = 'discarded') as discarded
      from part p
      group by p.endpoint_id
    )
    select array_agg(e.endpoint_id order by e.endpoint_id), array_agg(e.exhausted order by e.endpoint_id),
           array_agg(e.discarded order by e.endpoint_id), coalesce(sum(e.exhausted + e.discarded) > share, false),
           counted + coalesce(sum(e.exhausted + e.discarded), 0)
    into endpoint_ids, exhausted_counts, discarded_counts, is_cut, counted
    from ended e;
    whole_count := coalesce(cardinality(endpoint_ids), 0) - is_cut::integer;
    return query
      select e.endpoint_id, e.exhausted, e.discarded, true
      from unnest(endpoint_ids[:whole_count], exhausted_counts[:whole_count], discarded_counts[:whole_count]) e (endpoint_id, exhausted, discarded);
    exit when not is_cut;

    if whole_count = 0 then
      whole_count := 1;
      return query
        select endpoint_ids[1], least(exhausted_counts[1], share), least(discarded_counts[1], share), false;
    end if;
    place := endpoint_ids[whole_count];
    if counted > 10 * counted_max then
      share := greatest(1, counted_max / 100);
    end if;
  end loop;
end
$$;
comment on function postrider_internal.count_undelivered(integer) is
  'Exhausted and discarded deliveries by endpoint, each counted up to a limit, and up to a hundredth of it once ten times as many have been counted. is_exact is false if there are more.';
