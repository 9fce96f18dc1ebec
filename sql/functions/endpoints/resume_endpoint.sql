-- grant: execute to operator

create or replace function postrider.resume_endpoint(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if postrider_internal.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it: select postrider.enable_endpoint(id).';
  end if;
  perform postrider_internal.set_endpoint_state(id, 'active', null, 'resume_endpoint');
end
$$;
comment on function postrider.resume_endpoint(uuid) is
  'Lets a paused endpoint continue with the deliveries that wait for it. Use it if its receiver works again after pause_endpoint(), or to close a circuit before the next probe does.';
