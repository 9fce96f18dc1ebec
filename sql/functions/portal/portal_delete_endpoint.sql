-- grant: execute to portal

create or replace function postrider_internal.portal_delete_endpoint(
  endpoint_id uuid, reason text, dry_run boolean,
  out name text, out url text, out pending bigint, out is_exact boolean, out in_flight bigint, out subscriptions bigint, out replays bigint
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.require_portal_endpoint('endpoints:write', endpoint_id);
  select d.name, d.url, d.pending, d.is_exact, d.in_flight, d.subscriptions, d.replays
  into name, url, pending, is_exact, in_flight, subscriptions, replays
  from postrider.delete_endpoint(endpoint_id, reason, coalesce(dry_run, false)) d;
end
$$;
comment on function postrider_internal.portal_delete_endpoint(uuid, text, boolean) is
  'Deletes an endpoint of the tenant whose token this transaction shows, or says what that would end, as postrider.delete_endpoint() does.';
