create or replace function postrider_internal.disable_failing(endpoint_id uuid, reason text, event_ids uuid[], endpoint_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by judge_failing and disable_gone_endpoints alone, with the results of which one was the last straw. An event of our
-- own that an endpoint does not take makes no other, so then no event tells of this: the audit does, and the log.
declare
  is_told boolean;
begin
  select bool_or(o.is_ours is not true)
    or exists (select from postrider.endpoint_failure f where f.endpoint_id = disable_failing.endpoint_id and f.announced_at is not null)
  into is_told
  from unnest(event_ids, endpoint_ids) r (event_id, endpoint_id)
  left join lateral (
    select starts_with(e.event_type, 'postrider.') as is_ours from postrider.outbox e where e.id = r.event_id offset 0) o on true
  where r.endpoint_id = disable_failing.endpoint_id;
  perform set_config('postrider.untold_endpoint', case when is_told is false then disable_failing.endpoint_id::text else '' end, true);
  perform postrider_internal.set_endpoint_state(disable_failing.endpoint_id, 'disabled', reason, 'disable_endpoint');
  perform set_config('postrider.untold_endpoint', '', true);
end
$$;
comment on function postrider_internal.disable_failing(uuid, text, uuid[], uuid[]) is
  'Disables an endpoint because of its failures. An event tells of it, unless nothing but Postrider''s own events have failed there.';
