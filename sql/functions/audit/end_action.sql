create or replace function postrider_internal.end_action() returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  select set_config('postrider.audit_id', '', true);
end;
comment on function postrider_internal.end_action() is
  'Closes the row that begin_action() opened: each later change gets its own row in the audit.';
