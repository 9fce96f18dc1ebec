create or replace function postrider_internal.note_recoveries(outages jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by note_health alone, under its planner settings.
declare
  ended record;
begin
  for ended in
    update postrider.endpoint_failure f
    set announced_at = null
    where f.endpoint_id in (select o.id::uuid from jsonb_object_keys(outages) o (id)) and f.recovered_at = now()
    returning f.endpoint_id, outages -> f.endpoint_id::text as outage
  loop
    perform postrider_internal.note_action('endpoint_recovered', ended.endpoint_id, null, ended.outage);
    perform postrider_internal.note_endpoint_event('postrider.endpoint.recovered', ended.endpoint_id, (
      select row_to_json(r)
      from (select ended.outage -> 'failing_since' as failing_since, ended.outage -> 'failures' as failures) r));
  end loop;
end
$$;
comment on function postrider_internal.note_recoveries(jsonb) is
  'Notes in the audit, and tells by an event, which outages a success has ended. outages: those that were told of, by endpoint, with what is said of each.';
