create or replace function postrider_internal.require_ingest_role(name text, role_name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- A role that was dropped excludes no one. The view ingest_position shows by the same rule.
  if not coalesce(pg_has_role(session_user, to_regrole(quote_ident(role_name))::oid, 'member'), true) then
    raise exception 'the ingest % belongs to the role %', quote_literal(name), quote_ident(role_name)
      using errcode = 'insufficient_privilege', detail = format('This session logged in as %I.', session_user),
        hint = 'Log in as that role or a member of it, or give the ingest another --name.';
  end if;
end
$$;
comment on function postrider_internal.require_ingest_role(text, text) is
  'Raises an error if the role that logged in may not continue an ingest that this role began.';
