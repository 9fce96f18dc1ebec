create or replace function postrider_internal.explain_format(format text, attributes jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return case when format <> 'standard' then '; the format is ' || format else '' end
  || coalesce(', which leaves out ' || postrider_internal.left_out_attributes(attributes, format), '');
comment on function postrider_internal.explain_format(text, jsonb) is
  'The format in which an endpoint has its events, and which of these attributes it leaves out, as the end of a sentence. Empty for the standard format.';
