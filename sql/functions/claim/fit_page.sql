create or replace function postrider_internal.fit_page(
  kinds integer[], rules postrider_internal.claim_rule[], pairs_max integer
) returns integer
language plpgsql stable
-- Without a setting, as it reads no tables and runs for each page.
as $$
begin
  -- The greatest width that is possible, before counting.
  if coalesce(cardinality(rules), 0) <= pairs_max / cardinality(kinds) then
    return cardinality(kinds);
  end if;
  return (
    select greatest(1, count(*) filter (where w.pairs <= pairs_max))
    from (
      select sum(coalesce(k.width, 0)) over (order by e.n) as pairs
      from unnest(kinds) with ordinality e (kind, n)
      left join (select r.kind, count(*) as width from unnest(rules) r group by r.kind) k on k.kind = e.kind) w);
end
$$;
comment on function postrider_internal.fit_page(integer[], postrider_internal.claim_rule[], integer) is
  'How many events of a page have no more than pairs_max pairs together, as their rules are; one at least.';
