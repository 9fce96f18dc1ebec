-- grant: execute to operator

create or replace function postrider_internal.read_template(
  template text, out skeleton jsonb, out places text[], out texts text[], out paths jsonpath[], out lists boolean[]
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
#variable_conflict use_column
declare
  paths_max constant integer := 100;
  depth_max constant integer := 32;
  begins_like_path constant text := '^((strict|lax) +)?\$';
  found record;
begin
  if octet_length(template) > 16384 then
    raise exception 'the payload of an endpoint has % bytes', octet_length(template)
      using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
        hint = 'A template has at most 16384.';
  end if;
  begin
    skeleton := case when template ~ begins_like_path then to_jsonb(template) else template::jsonb end;
  exception when data_exception or program_limit_exceeded or statement_too_complex then
    raise exception 'the payload of an endpoint is neither a path nor JSON'
      using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
        detail = sqlerrm,
        hint = 'Write a path, such as $.order, or JSON in which a text that begins with $ is a path: {"order": "$.order_id", "source": "shop"}.';
  end;
  for found in
    with recursive node (place, rank, value) as (
      select '{}'::text[], '{}'::integer[], skeleton
      union all
      select n.place || c.key, n.rank || c.n::integer, c.value
      from node n
      cross join lateral (
        select o.key, o.n, o.value
        from jsonb_each(case when jsonb_typeof(n.value) = 'object' then n.value else '{}' end) with ordinality o (key, value, n)
        union all
        select (a.n - 1)::text, a.n, a.value
        from jsonb_array_elements(case when jsonb_typeof(n.value) = 'array' then n.value else '[]' end) with ordinality a (value, n)) c
      where cardinality(n.place) <= depth_max
    )
    select n.place, n.value #>> '{}' as text, cardinality(n.place) > depth_max as is_too_deep
    from node n
    where cardinality(n.place) > depth_max or jsonb_typeof(n.value) = 'string' and n.value #>> '{}' ~ begins_like_path
    -- From the end, so that leaving out an element moves none that is still to be filled in.
    order by n.rank desc
  loop
    if found.is_too_deep then
      raise exception 'the payload of an endpoint is nested too deep'
        using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
          hint = format('A template has at most %s levels.', depth_max);
    end if;
    if postrider_internal.is_path(found.text) then
      places := places || found.place::text;
      texts := texts || found.text;
      paths := paths || postrider_internal.parse_path(found.text);
    else
      skeleton := case when found.place = '{}' then to_jsonb(substr(found.text, 2))
                       else jsonb_set(skeleton, found.place, to_jsonb(substr(found.text, 2))) end;
    end if;
  end loop;
  if cardinality(paths) > paths_max then
    raise exception 'the payload of an endpoint has % paths', cardinality(paths)
      using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
        hint = format('A template has at most %s. One path can pick a whole object.', paths_max);
  end if;
  lists := array(select postrider_internal.gives_list(p) from unnest(paths) p);
end
$$;
comment on function postrider_internal.read_template(text) is
  'Reads the option payload of an endpoint. skeleton: the template with the paths still in it; places, texts, paths: where each path stands, as it is written and as it is read, from the end; lists: which ones give a list. Raises an error that says what is wrong.';
