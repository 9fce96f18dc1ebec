create or replace function postrider_internal.endpoint_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The audit reads alike, whoever's session writes it.
set timezone = 'UTC'
set intervalstyle = 'postgres'
as $$
declare
  -- What triggers fill in is left out.
  ours constant text[] := '{revision,updated_at,state_changed_at,paused_at,pause_reason,shown_url,transforms,has_transformed,is_limited,effective_rate,circuit_opened_at}';
  old_row jsonb;
  new_row jsonb;
begin
  if tg_op <> 'INSERT' then
    old_row := (to_jsonb(old) - ours) || jsonb_build_object('headers', old.headers, 'auth', postrider_internal.without_credential(old.auth),
      'client_certificate', postrider_internal.without_credential(old.client_certificate));
  end if;
  if tg_op <> 'DELETE' then
    new_row := (to_jsonb(new) - ours) || jsonb_build_object('headers', new.headers, 'auth', postrider_internal.without_credential(new.auth),
      'client_certificate', postrider_internal.without_credential(new.client_certificate));
  end if;
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o (key, value)
    where o.value is distinct from new_row -> o.key;
    if old_row is null then
      return null;
    end if;
  end if;
  if old_row ? 'headers' then
    old_row := jsonb_set(old_row, '{headers}', postrider_internal.masked_headers(old_row -> 'headers'));
  end if;
  if new_row ? 'headers' then
    new_row := jsonb_set(new_row, '{headers}',
      postrider_internal.masked_headers(new.headers, case when tg_op = 'UPDATE' then old.headers end));
  end if;
  if tg_op = 'DELETE' then
    old_row := old_row || jsonb_build_object('subscriptions', (
      select coalesce(jsonb_agg(to_jsonb(s) - '{endpoint_id,tenant}'::text[] order by s.id), '[]')
      from postrider.subscription s
      where s.endpoint_id = old.id));
  end if;
  if old_row ? 'url' then
    old_row := jsonb_set(old_row, '{url}', coalesce(to_jsonb(old.shown_url || case when old.url <> old.shown_url then '?...' else '' end), 'null'));
  end if;
  if new_row ? 'url' then
    new_row := jsonb_set(new_row, '{url}', coalesce(to_jsonb(new.shown_url || case when new.url <> new.shown_url then '?...' else '' end), 'null'));
  end if;
  perform postrider_internal.note_change(
    lower(tg_op collate "C") || ' endpoint', case when tg_op = 'DELETE' then old.id else new.id end, null, old_row, new_row);
  return case when tg_op = 'DELETE' then old end;
end
$$;
comment on function postrider_internal.endpoint_audit() is 'Notes an edit of an endpoint in the audit; one that changes nothing leaves no row.';

create or replace trigger endpoint_audit after insert or update on postrider.endpoint
  for each row execute function postrider_internal.endpoint_audit();
comment on trigger endpoint_audit on postrider.endpoint is 'Notes the edit in the audit.';

-- Before the delete, because its subscriptions go with it.
create or replace trigger endpoint_audit_delete before delete on postrider.endpoint
  for each row execute function postrider_internal.endpoint_audit();
comment on trigger endpoint_audit_delete on postrider.endpoint is 'Notes in the audit what was deleted, its subscriptions included.';
