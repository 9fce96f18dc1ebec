-- Only the triggers write before and after. A function opens a row (begin_action) and names it in postrider.audit_id;
-- the triggers add what they see to that row. Setting postrider.audit_id by hand gains nothing: only a row of the same
-- transaction is added to, and a change that is not added to a row gets its own.
create or replace function postrider_internal.masked_headers(headers jsonb, earlier jsonb default null) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select coalesce(jsonb_object_agg(h.name,
           case when earlier is null or earlier -> h.name = h.value then 'hidden' else 'hidden, changed' end), '{}')
  from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h (name, value));
comment on function postrider_internal.masked_headers(jsonb, jsonb) is
  'Request headers without their values, and which of them differ from the earlier ones.';
