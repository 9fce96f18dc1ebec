create or replace function postrider_internal.explain_behind(detail text, event_id uuid) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return case detail
  when 'ordered' then format('waits for event %s, which has the same ordering key and goes before it', event_id)
  else format('waits because event %s is exhausted and halts its ordering key: postrider.redeliver() sends that one again, postrider.skip() passes over it', event_id)
end;
comment on function postrider_internal.explain_behind(text, uuid) is
  'Why a delivery waits for another event of its ordering key. detail: ordered, or halted, as in postrider.delivery_status.';
