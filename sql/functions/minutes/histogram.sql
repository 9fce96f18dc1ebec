create or replace function postrider_internal.histogram(places integer[]) returns integer[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return array(
  select count(u.place)::integer
  from generate_series(1, (select max(m.place) from unnest(places) m (place))) g (place)
  left join unnest(places) u (place) on u.place = g.place
  group by g.place
  order by g.place);
comment on function postrider_internal.histogram(integer[]) is 'How often each place occurs, from 1 on.';
