create or replace function postrider_internal.halvings(members integer) returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (select count(*) from generate_series(0, 30) k (n) where 2 ^ k.n < members);
comment on function postrider_internal.halvings(integer) is
  'How often a list is halved until each part has one member. A predicate for oneOf has each of its branches once more than that.';
