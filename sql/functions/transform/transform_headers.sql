create or replace function postrider_internal.transform_headers(
  plan postrider_internal.transformation_plan, document jsonb, facts jsonb, out headers jsonb, out problem text
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- A problem names the header and shows neither its path nor its value.
declare
  length_max constant integer := 8192;
  length_total integer := plan.header_length;
  found jsonb;
  value text;
begin
  headers := '{}';
  for n in 1 .. coalesce(cardinality(plan.header_names), 0) loop
    begin
      found := jsonb_path_query_array(document, plan.header_paths[n], facts);
    exception when data_exception then
      problem := format('the path of the header %s finds no value', to_json(plan.header_names[n]));
      return;
    end;
    continue when found in ('[]', '[null]', '[""]');
    value := found ->> 0;
    length_total := length_total + length(plan.header_names[n]) + length(value);
    problem := case
      when jsonb_array_length(found) > 1 then 'has several values'
      when jsonb_typeof(found -> 0) in ('array', 'object') then format('has an %s for a value', jsonb_typeof(found -> 0))
      when value ~ E'[^ -~\t]' then 'has a value with a line break or a character outside of ASCII'
      when value ~ E'^[ \t]|[ \t]$' then 'has a value with a blank at its beginning or end'
      when length_total > length_max then format('makes the headers longer than %s characters', length_max) end;
    if problem is not null then
      problem := format('the header %s %s', to_json(plan.header_names[n]), problem);
      return;
    end if;
    headers := headers || jsonb_build_object(plan.header_names[n], value);
  end loop;
  headers := nullif(headers, '{}');
end
$$;
comment on function postrider_internal.transform_headers(postrider_internal.transformation_plan, jsonb, jsonb) is
  'The headers that have paths, with what these find; those that find nothing are left out. problem: which header cannot be sent, and why.';
