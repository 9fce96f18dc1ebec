create or replace function postrider_internal.predicate_for(kind text, types jsonb, predicate text) returns text
language sql immutable parallel safe
-- If the type is known, it was checked before everything else.
return case when types = jsonb_build_array(kind) then predicate else format('(@.type() != "%s" || ', kind) || predicate || ')' end;
comment on function postrider_internal.predicate_for(text, jsonb, text) is
  'An SQL/JSON path predicate: if @ is of that type, then this. types: those that @ may have; null for all.';
