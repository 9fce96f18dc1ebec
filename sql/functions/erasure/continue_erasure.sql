create or replace function postrider_internal.continue_erasure(tenant text, out erased bigint, out is_finished boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  events_max constant integer := 2000;
  present postrider.erasure;
  looked_at uuid[];
  chosen uuid[];
begin
  erased := 0;
  select e.tenant, e.after_event, e.events, e.requested_at into present.tenant, present.after_event, present.events, present.requested_at
  from postrider.erasure e
  where e.tenant = continue_erasure.tenant
  for update;
  is_finished := not found;
  if is_finished then
    return;
  end if;
  -- To the last id, because an application may make ids of any time. Events that come meanwhile are looked at and left.
  looked_at := array(
    select o.id from postrider.outbox o
    where o.id > present.after_event
    order by o.id
    limit events_max);
  chosen := array(
    select o.id from postrider.outbox o
    where o.id = any (looked_at) and o.id between looked_at[1] and looked_at[cardinality(looked_at)]
      and o.tenant = continue_erasure.tenant and o.created_at <= present.requested_at and o.erased_at is null
    order by o.id);
  if cardinality(chosen) > 0 then
    perform postrider_internal.erase_events(chosen);
  end if;
  erased := cardinality(chosen);
  is_finished := cardinality(looked_at) < events_max;
  if is_finished then
    delete from postrider.erasure e where e.tenant = continue_erasure.tenant;
    perform postrider_internal.note_action('erase_tenant', null, null,
      jsonb_build_object('tenant', tenant, 'erased', present.events + erased));
  else
    update postrider.erasure e
    set after_event = looked_at[events_max], events = e.events + erased
    where e.tenant = continue_erasure.tenant;
  end if;
end
$$;
comment on function postrider_internal.continue_erasure(text) is
  'Erases the events of a tenant among the next 2,000, and says whether these were the last.';
