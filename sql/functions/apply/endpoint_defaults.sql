create or replace function postrider_internal.endpoint_defaults() returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  defaults jsonb;
begin
  execute (
    select format('select jsonb_build_object(%s)',
                  string_agg(format('%L, (%s)::%s', o.name, coalesce(pg_get_expr(d.adbin, d.adrelid), 'null'), format_type(a.atttypid, a.atttypmod)), ', '))
    from postrider_internal.endpoint_options() o
    join pg_attribute a on a.attrelid = 'postrider.endpoint'::regclass and a.attname = o.name
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum)
  into defaults;
  return defaults;
end
$$;
comment on function postrider_internal.endpoint_defaults() is 'What an endpoint has for each option that is left out.';
