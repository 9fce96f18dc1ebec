create or replace function postrider_internal.nearest(word text, candidates text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  -- By pairs of neighbouring letters: those that both have, of those that either has. The order within a pair does not
  -- count, so that two swapped letters cost one pair and not three. Only words of about the same length are compared,
  -- because each letter is looked for from the beginning: 20,000 letters took 1.5 s.
  with written as materialized (
    select array(
      select distinct least(l.one, l.next) || greatest(l.one, l.next)
      from generate_series(1, length(word) - 1) g (n),
      lateral (select lower(substr(word, g.n, 1)) collate "C" as one, lower(substr(word, g.n + 1, 1)) collate "C" as next) l) as pairs
    where length(word) <= 258
  ), known as (
    select c.name, array(
      select distinct least(l.one, l.next) || greatest(l.one, l.next)
      from generate_series(1, length(c.name) - 1) g (n),
      lateral (select lower(substr(c.name, g.n, 1)) collate "C" as one, lower(substr(c.name, g.n + 1, 1)) collate "C" as next) l) as pairs
    from unnest(candidates) c (name)
    where abs(length(c.name) - length(word)) <= 3
  )
  select k.name
  from known k, written w, lateral (
    select count(*) as shared from unnest(k.pairs) p (pair) where p.pair = any (w.pairs)) s
  -- Words of one letter have no pairs.
  where s.shared > 0 and s.shared >= 0.6 * greatest(cardinality(k.pairs), cardinality(w.pairs))
  order by s.shared::numeric / greatest(cardinality(k.pairs), cardinality(w.pairs)) desc, k.name
  limit 1;
end;
comment on function postrider_internal.nearest(text, text[]) is 'The candidate that was most likely meant by this word; null if none is near.';
