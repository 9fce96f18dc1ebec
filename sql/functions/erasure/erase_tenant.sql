-- grant: execute to operator

create or replace function postrider.erase_tenant(tenant text, reason text default null, out erased bigint, out is_finished boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if tenant is null then
    raise exception 'tenant is null'
      using errcode = 'null_value_not_allowed', hint = 'Name the tenant; the empty string stands for events without one.';
  end if;
  insert into postrider.erasure (tenant) values (tenant) on conflict on constraint erasure_pkey do nothing;
  if found then
    perform postrider_internal.note_action('erase_tenant', null, null, jsonb_strip_nulls(jsonb_build_object('tenant', tenant, 'reason', reason)));
  end if;
  select s.erased, s.is_finished into erased, is_finished from postrider_internal.continue_erasure(tenant) s;
end
$$;
comment on function postrider.erase_tenant(text, text) is
  'Does for each event of a tenant that there is now what erase_event() does for one. Use it if a customer''s data must go. A call takes one step, of the next 2,000 events of all tenants, and returns how many it erased; repeat it until is_finished, each call in its own transaction. The daemons take the remaining steps if nobody does.';
