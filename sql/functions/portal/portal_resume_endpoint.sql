-- grant: execute to portal

create or replace function postrider_internal.portal_resume_endpoint(endpoint_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.require_portal_endpoint('endpoints:state', endpoint_id);
  if postrider_internal.lock_endpoint(endpoint_id) = 'disabled' then
    if not exists (
      select from postrider.endpoint e
      where e.id = endpoint_id
        and (e.state_reason = 'the receiver answered 410 Gone' or starts_with(e.state_reason, 'nothing but failures since ')))
    then
      raise exception 'the endpoint was disabled by those who run it' using errcode = 'object_not_in_prerequisite_state', hint = 'Ask them to enable it.';
    end if;
    perform postrider.enable_endpoint(endpoint_id);
  end if;
  perform postrider.resume_endpoint(endpoint_id);
end
$$;
comment on function postrider_internal.portal_resume_endpoint(uuid) is
  'Resumes an endpoint of the tenant whose token this transaction shows, also one that was disabled for its failures. What an operator disabled stays so.';
