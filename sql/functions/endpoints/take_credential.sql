create or replace function postrider_internal.take_credential(endpoint_id uuid, kind text, former jsonb, given jsonb) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  salt constant bytea := uuid_send(gen_random_uuid());
begin
  if given is null then
    delete from postrider.endpoint_secret s where s.endpoint_id = endpoint_id and s.kind = kind;
    return null;
  end if;
  if not postrider_internal.holds_credential(given) then
    if given is distinct from former then
      raise exception '% lacks what is secret in it', kind
        using errcode = 'check_violation', schema = 'postrider', table = 'endpoint', column = kind,
          hint = format('To change any of it, write the whole anew. %s: %s', kind, col_description('postrider.endpoint'::regclass, (
            select a.attnum from pg_attribute a where a.attrelid = 'postrider.endpoint'::regclass and a.attname = kind)));
    end if;
    return given;
  end if;
  if not postrider_internal.is_stored_credential(endpoint_id, kind, given) then
    delete from postrider.endpoint_secret s where s.endpoint_id = endpoint_id and s.kind = kind;
    insert into postrider.endpoint_secret (endpoint_id, kind, secret, credential_hash)
    values (endpoint_id, kind, given::text, postrider_internal.credential_hash(given, salt));
  end if;
  return postrider_internal.without_credential(given);
end
$$;
comment on function postrider_internal.take_credential(uuid, text, jsonb, jsonb) is
  'Moves the credential that was written to a column of postrider.endpoint to postrider.endpoint_secret, and returns what stays in the column.';
