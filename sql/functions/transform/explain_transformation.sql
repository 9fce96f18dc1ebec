create or replace function postrider_internal.explain_transformation(endpoint_id uuid, event_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case p.outcome
           when 'unchanged' then ''
           when 'transformed' then ', transformed'
           when 'whole' then format(', whole: the transformation cannot be applied, because %s', p.problem)
           else format('; but it would be discarded: the transformation cannot be applied, because %s', p.problem) end
  from postrider.preview_transformation(explain_transformation.endpoint_id, explain_transformation.event_id) p;
end;
comment on function postrider_internal.explain_transformation(uuid, uuid) is
  'What the transformation of an endpoint would do with an event, to be added to the words that it would be sent.';
