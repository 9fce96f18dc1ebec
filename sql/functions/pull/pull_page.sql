create or replace function postrider_internal.pull_page(
  endpoint_id uuid, after_place bigint, events_max integer, bytes_max integer, item_bytes_max integer,
  out seen integer, out next_place bigint, out event_ids uuid[], out is_large boolean, out too_large uuid
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by fetch_events alone, under its planner settings. It looks at so many places whatever became of them, so a page
-- costs the same behind any number of deliveries that were cancelled. The size on disk limits what is read, and the size of
-- the text what is given.
declare
  places bigint[];
  found_ids uuid[];
  is_given boolean[];
  given integer;
  fits integer;
  first_bytes bigint;
begin
  select array_agg(d.pull_place order by d.pull_place), array_agg(d.event_id order by d.pull_place),
         array_agg(d.state in ('pending', 'succeeded') order by d.pull_place)
  into places, found_ids, is_given
  from (
    select p.pull_place, p.event_id, p.state
    from postrider.delivery p
    where p.endpoint_id = pull_page.endpoint_id and p.pull_place is not null and p.pull_place > after_place
    order by p.pull_place
    limit events_max) d;
  seen := coalesce(cardinality(places), 0);
  next_place := coalesce(places[seen], after_place);
  if seen = 0 then
    return;
  end if;
  with item as (
    select u.n, o.payload, sum(pg_column_size(o.payload)) over (order by u.n) as stored_bytes
    from unnest(found_ids, is_given) with ordinality u (id, is_given, n)
    cross join lateral (
      select i.payload from postrider.outbox i where i.id = u.id and u.is_given and i.erased_at is null
      offset 0) o
  ), text_item as (
    select i.n, row_number() over (order by i.n) as number, sum(octet_length(i.payload::text)) over (order by i.n) as text_bytes
    from item i
    where i.stored_bytes <= bytes_max or i.n = (select min(m.n) from item m)
  )
  select array_agg(found_ids[t.n] order by t.n), max(t.n), min(t.text_bytes), (select count(*) from item)
  into event_ids, fits, first_bytes, given
  from text_item t
  where t.text_bytes <= bytes_max or t.number = 1;
  is_large := first_bytes > bytes_max;
  if first_bytes > item_bytes_max then
    too_large := event_ids[1];
    event_ids := null;
  end if;
  -- It ends before the first one that does not fit.
  if coalesce(cardinality(event_ids), 0) < given then
    next_place := places[fits];
    seen := events_max;
  end if;
end
$$;
comment on function postrider_internal.pull_page(uuid, bigint, integer, integer, integer) is
  'The events in the places of a pull endpoint behind that one: those that wait or were given before, up to so many and so many bytes of payloads, but one at least. is_large: whether that one has more than bytes_max; too_large: the next one, if it has more than item_bytes_max, and then there are no others. next_place: up to where they reach; seen: at how many places it has looked, events_max if more may follow.';
