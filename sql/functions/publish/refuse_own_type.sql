-- grant: execute to publisher

create or replace function postrider_internal.refuse_own_type(event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Who asked for it, also inside of a function with its owner's rights, such as publish().
  actor constant name := coalesce(nullif(nullif(current_setting('role'), 'none'), ''), session_user);
begin
  if not pg_has_role(actor, (select c.relowner from pg_class c where c.oid = 'postrider.outbox'::regclass), 'usage') then
    raise exception 'cannot insert an event of the type %', to_json(event_type)
      using errcode = 'insufficient_privilege', schema = 'postrider', table = 'outbox', column = 'event_type',
        detail = 'Types that begin with postrider. are Postrider''s own, and receivers trust them.',
        hint = 'Choose a name that does not begin with postrider. To try an endpoint: select postrider.send_test_event(endpoint_id).';
  end if;
end
$$;
comment on function postrider_internal.refuse_own_type(text) is
  'Refuses an event of one of Postrider''s own types, unless a member of the role that owns the outbox inserts it.';
