-- grant: execute to daemon

create or replace function postrider_internal.pause_unreadable(endpoint_ids uuid[], revisions bigint[], reasons text[]) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  found record;
begin
  for found in
    select e.id, u.reason
    from unnest(endpoint_ids, revisions, reasons) u (endpoint_id, revision, reason)
    join postrider.endpoint e on e.id = u.endpoint_id
    where e.revision = u.revision and e.state = 'active'
    order by e.id
    for no key update of e skip locked
  loop
    perform postrider_internal.set_endpoint_state(found.id, 'paused', found.reason, 'pause_endpoint');
  end loop;
end
$$;
comment on function postrider_internal.pause_unreadable(uuid[], bigint[], text[]) is
  'Pauses endpoints whose secrets a daemon cannot read. Those that have changed since, or that an operator is changing at this moment, are left as they are.';
