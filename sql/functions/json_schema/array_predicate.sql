create or replace function postrider_internal.array_predicate(checks jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Each element nests the predicate deeper.
  prefix_max constant integer := 500;
  prefix constant integer := coalesce(jsonb_array_length(checks -> 'prefixItems'), 0);
  parts text[];
  inside text;
begin
  if prefix > prefix_max then
    return null;
  end if;
  -- In strict mode an element that is not there is an error, so the length is compared first.
  parts := array(
    select format('(@.size() <= %1$s || exists (@[%1$s] ? ', p.n - 1) || postrider_internal.schema_predicate(p.value, format('%s[%s]', postrider_internal.place_within(array_predicate.place, 'prefixItems'), p.n - 1)) || '))'
    from jsonb_array_elements(checks -> 'prefixItems') with ordinality p (value, n));
  if checks ? 'items' then
    inside := postrider_internal.schema_predicate(checks -> 'items', postrider_internal.place_within(place, 'items'));
    parts := parts || case when prefix = 0 then '!(exists (@[*] ? (!' || inside || ')))'
      else format('(@.size() <= %1$s || !(exists (@[%1$s to last] ? (!', prefix) || inside || '))))' end;
  end if;
  if checks ? 'contains' then
    inside := postrider_internal.schema_predicate(checks -> 'contains', postrider_internal.place_within(place, 'contains'));
    -- A path cannot count what passes a filter.
    parts := parts || case
      when checks ? 'maxContains' or (checks -> 'minContains')::numeric > 1 then null
      when (checks -> 'minContains')::numeric = 0 then '(1 == 1)'
      else 'exists (@[*] ? ' || inside || ')' end;
  end if;
  return postrider_internal.conjunction(parts);
end
$$;
comment on function postrider_internal.array_predicate(jsonb, text) is
  'An SQL/JSON path predicate: the elements of the array @ fit. Null if that cannot be expressed.';
