create or replace function postrider_internal.option_changes(old_row jsonb, new_row jsonb)
returns table (part text, before jsonb, after jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  with option as (
    select 'url' as name, false as is_secret, 0::bigint as number
    union all
    select o.name, o.is_secret, o.number
    from rows from (postrider_internal.endpoint_options()) with ordinality o (name, is_secret, number)
  ), changed as (
    select o.name, o.is_secret, o.number, old_row -> o.name as old_value, new_row -> o.name as new_value
    from option o
    where new_row ? o.name and old_row -> o.name is distinct from new_row -> o.name
  )
  select c.name,
         case
           when c.name = 'url' then to_jsonb(u.old_url)
           when not c.is_secret or c.old_value = 'null' then c.old_value
           when jsonb_typeof(c.old_value) = 'object' then postrider_internal.masked_headers(c.old_value)
           when c.old_value is not null then '"hidden"'
         end,
         case
           when c.name = 'url' then to_jsonb(u.new_url || case when u.new_url = u.old_url then ' (changed)' else '' end)
           when not c.is_secret or c.new_value = 'null' then c.new_value
           when jsonb_typeof(c.new_value) = 'object' then (
             select coalesce(jsonb_object_agg(m.name, case when c.old_value -> m.name <> m.value then 'hidden, changed' else 'hidden' end), '{}')
             from jsonb_each(c.new_value) m (name, value))
           when c.old_value is null then '"hidden"'
           else '"hidden, changed"'
         end
  from changed c
  cross join lateral (
    select p.shown[1] as old_url, p.shown[2] as new_url
    from (
      select array_agg(s.shown || case when s.shown <> s.url then '?...' else '' end order by s.number) as shown
      from (
        select v.url, v.number, postrider_internal.url_without_secrets(v.url) as shown
        from (values (c.old_value #>> '{}', 1), (c.new_value #>> '{}', 2)) v (url, number)
      ) s
    ) p
  ) u
  order by c.number;
end;
comment on function postrider_internal.option_changes(jsonb, jsonb) is
  'The options of an endpoint, and its url, that the new row has otherwise than the old one, with both values as they may be shown: without secrets and without the query of the url.';
