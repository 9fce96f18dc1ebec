create or replace function postrider_internal.note_unmatched(
  page postrider_internal.claim_page,
  event_count integer,
  places integer[],
  lists text[],
  others postrider_internal.claim_pair[]
) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kinds_max constant integer := 20;
  unmatched jsonb;
begin
  with event as (
    select unnest(page.ids[:event_count]) as id, unnest(page.event_types[:event_count]) as event_type,
           unnest(page.tenants[:event_count]) as tenant, unnest(places) as place
  ), kind as (
    -- The first id, as text, because there is no min(uuid) before PostgreSQL 18.
    select e.event_type, e.tenant, count(*) as events, min(e.id::text) as event_id
    from event e
    where lists[e.place] is null and e.id not in (select o.event_id from unnest(others) o)
    group by e.event_type, e.tenant
  ), noted as (
    insert into postrider.unmatched_minute_part (minute, events, event_type, tenant)
    select date_bin('1 minute', clock_timestamp(), 'epoch'), k.events, k.event_type, k.tenant from kind k
  )
  select jsonb_agg(jsonb_build_object('event_type', k.event_type, 'tenant', postrider_internal.readable(k.tenant), 'events', k.events,
    'event_id', k.event_id))
  into unmatched
  from (select n.event_type, n.tenant, n.events, n.event_id from kind n order by n.events desc limit kinds_max) k;
  return unmatched;
end
$$;
comment on function postrider_internal.note_unmatched(postrider_internal.claim_page, integer, integer[], text[], postrider_internal.claim_pair[]) is
  'Counts the events of a page, up to event_count, that no endpoint gets, in postrider.unmatched_minute, and returns the most frequent kinds of them with an event of each; null if there are none. lists, at places: which endpoints get the event from memory; others: what goes to the queue.';
