create or replace function postrider_internal.explain_lack(tenant text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select format('there is no endpoint %s', case when explain_lack.tenant = '' then 'without a tenant, as the event is' else format('of its tenant, %L', explain_lack.tenant) end)
    || coalesce('; did you mean the tenant ' || quote_literal(postrider_internal.nearest(explain_lack.tenant, known.tenants)) || '?',
         '; there are endpoints of other tenants: ' || (select string_agg(quote_literal(t), ', ') from unnest(known.tenants[:3]) t)
           || case when cardinality(known.tenants) > 3 then ' and others' else '' end,
         '')
  from (select array(select e.tenant from postrider.endpoint e group by e.tenant order by e.tenant limit 1000)) known (tenants);
end;
comment on function postrider_internal.explain_lack(text) is
  'Says that a tenant has no endpoint, and which tenants have some.';
