-- grant: execute to operator

create or replace function postrider.delete_endpoint(
  id uuid, reason text default null, dry_run boolean default false,
  out name text, out url text, out pending bigint, out is_exact boolean, out in_flight bigint, out subscriptions bigint, out replays bigint
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  counted_max constant integer := 10000;
begin
  if dry_run then
    perform postrider_internal.require_endpoint(id);
  else
    perform postrider_internal.lock_endpoint(id);
  end if;
  select e.name, e.shown_url into name, url from postrider.endpoint e where e.id = id;
  select count(*) into pending
  from (
    select from postrider.delivery d
    where d.endpoint_id = id and d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
    limit counted_max + 1) w;
  is_exact := pending <= counted_max;
  pending := least(pending, counted_max);
  select count(*) into in_flight from postrider.in_flight f where f.endpoint_id = id;
  select count(*) into subscriptions from postrider.subscription s where s.endpoint_id = id;
  select count(*) into replays from postrider.replay r where r.endpoint_id = id and r.state in ('preparing', 'delivering');
  if dry_run then
    return;
  end if;
  perform postrider_internal.begin_action('delete_endpoint', id, jsonb_strip_nulls(jsonb_build_object(
    'reason', reason, 'pending', pending, 'in_flight', in_flight, 'replays', replays)));
  delete from postrider.endpoint e where e.id = id;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.delete_endpoint(uuid, text, boolean) is
  'Deletes an endpoint with its subscriptions and secrets, and says what that ends: pending deliveries (a lower bound if is_exact is false), which are discarded; requests in flight, which finish and are not repeated; replays. Use it if a receiver is gone for good and its past deliveries need not be sent again; otherwise disable_endpoint(). With dry_run it only says so. What was delivered stays to be seen, and the audit keeps the endpoint''s settings.';
