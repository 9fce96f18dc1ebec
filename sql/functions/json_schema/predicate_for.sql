create or replace function postrider_internal.predicate_for(kind text, types jsonb, predicate text) returns text
language sql immutable parallel safe
-- The type is asked for but once: it stands before everything else.
return case when types = jsonb_build_array(kind) then predicate else format('(@.type() != "%s" || ', kind) || predicate || ')' end;
comment on function postrider_internal.predicate_for(text, jsonb, text) is
  'A predicate of SQL/JSON path: if @ is of that type, then this. types: those that @ is known to be one of; null for all.';
