create or replace function postrider_internal.fit_page(kinds integer[], ends integer[], pairs_max integer) returns integer
language plpgsql stable
-- Without a setting, as it reads no tables and runs for each page.
as $$
declare
  events constant integer := cardinality(kinds);
  pairs bigint := 0;
  kind integer;
  fits integer := 0;
begin
  if cardinality(ends) = 1 then
    return least(events, greatest(1, coalesce(pairs_max / nullif(ends[1], 0), events)));
  end if;
  foreach kind in array kinds loop
    pairs := pairs + ends[kind] - coalesce(ends[kind - 1], 0);
    exit when pairs > pairs_max and fits > 0;
    fits := fits + 1;
  end loop;
  return fits;
end
$$;
comment on function postrider_internal.fit_page(integer[], integer[], integer) is
  'How many events of a page have no more than pairs_max pairs together, as routed by route_page; one at least.';
