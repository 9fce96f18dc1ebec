create or replace function postrider_internal.apply_entry(list_name text, declared jsonb, defaults jsonb)
returns table (part text, before jsonb, after jsonb, note text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  wanted constant text := declared #>> '{}';
begin
  if list_name = 'endpoints' then
    return query select c.part, c.before, c.after, c.note from postrider_internal.apply_endpoint(declared, defaults) c;
  elsif list_name = 'event_types' then
    return query select c.part, c.before, c.after, null::text from postrider_internal.apply_event_type(declared) c;
  else
    select null, to_jsonb(p.unknown_types), declared into part, before, after from postrider.event_type_policy p;
    if wanted = 'refused' and before <> after then
      perform postrider.refuse_unknown_event_types();
      return next;
    elsif wanted = 'allowed' and before <> after then
      perform postrider.allow_unknown_event_types();
      return next;
    end if;
  end if;
end
$$;
comment on function postrider_internal.apply_entry(text, jsonb, jsonb) is
  'Makes one entry of a file true, and returns what that changed.';
