create or replace function postrider_internal.ended_deliveries(endpoint_id uuid) returns text
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  select 'discards ' || nullif(concat_ws(' and ',
           case when d.pending > 0 then case when d.is_exact then '' else 'more than ' end || postrider_internal.counted(d.pending, 'pending delivery', 'pending deliveries') end,
           case when d.replays > 0 then postrider_internal.counted(d.replays, 'replay') end), '')
  from postrider.delete_endpoint(ended_deliveries.endpoint_id, dry_run => true) d;
end;
comment on function postrider_internal.ended_deliveries(uuid) is
  'What is discarded if the endpoint is disabled or deleted now; null for nothing.';
