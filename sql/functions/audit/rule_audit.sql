create or replace function postrider_internal.rule_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The audit reads alike, whoever's session writes it.
set timezone = 'UTC'
set intervalstyle = 'postgres'
as $$
declare
  -- Without the secret; the tenant is the endpoint's.
  hidden constant text[] := '{endpoint_id,tenant,secret,credential_hash}';
  old_row constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - hidden end;
  new_row constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - hidden end;
  endpoint_ids constant uuid[] := case tg_op when 'INSERT' then array[new.endpoint_id] when 'DELETE' then array[old.endpoint_id]
    else array[old.endpoint_id, new.endpoint_id] end;
  list_name constant text := case tg_table_name when 'subscription' then 'subscriptions' else 'secrets' end;
  secret_changed boolean := false;
begin
  if tg_op = 'UPDATE' and tg_table_name = 'endpoint_secret' then
    secret_changed := to_jsonb(old) -> 'secret' is distinct from to_jsonb(new) -> 'secret';
  end if;
  if tg_op = 'UPDATE' and old_row = new_row and old.endpoint_id = new.endpoint_id and not secret_changed
    -- What is deleted with its endpoint is in the endpoint's row.
    or tg_op = 'DELETE' and not exists (select from postrider.endpoint e where e.id = old.endpoint_id)
  then
    return null;
  end if;
  perform postrider_internal.note_change(
    format('%s %s', lower(tg_op collate "C"), tg_table_name), endpoint_ids[cardinality(endpoint_ids)], list_name,
    case when endpoint_ids[1] <> endpoint_ids[cardinality(endpoint_ids)]
      then old_row || jsonb_build_object('endpoint_id', endpoint_ids[1]) else old_row end,
    case when secret_changed then new_row || '{"secret": "hidden, changed"}' else new_row end);
  return null;
end
$$;
comment on function postrider_internal.rule_audit() is 'Notes an edit of a subscription or a secret in the audit, without the secret.';

create or replace trigger subscription_audit after insert or update or delete on postrider.subscription
  for each row execute function postrider_internal.rule_audit();
comment on trigger subscription_audit on postrider.subscription is 'Notes the edit in the audit.';

create or replace trigger endpoint_secret_audit after insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider_internal.rule_audit();
comment on trigger endpoint_secret_audit on postrider.endpoint_secret is 'Notes the edit in the audit, without the secret.';
