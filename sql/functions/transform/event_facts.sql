create or replace function postrider_internal.event_facts(
  id uuid, event_type text, created_at timestamptz, tenant text, ordering_key text, attributes jsonb
) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
return jsonb_build_object('event', jsonb_strip_nulls(jsonb_build_object(
  'id', id, 'type', event_type, 'tenant', tenant, 'ordering_key', ordering_key,
  -- As the envelope has it.
  'timestamp', case when isfinite(created_at) then to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else created_at::text end))
  || case when attributes is null then '{}' else jsonb_build_object('attributes', attributes) end);
comment on function postrider_internal.event_facts(uuid, text, timestamptz, text, text, jsonb) is
  'What a path finds in $event.';
