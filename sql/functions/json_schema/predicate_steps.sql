create or replace function postrider_internal.predicate_steps(checks jsonb, out value_steps bigint, out object_steps bigint, out byte_steps bigint)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  names constant integer := coalesce(jsonb_array_length(checks -> 'known'), 0);
  options constant integer := coalesce(jsonb_array_length(checks -> 'enum'), 0);
  bounds constant integer := (select count(*) from jsonb_object_keys(checks) k (name) where k.name ~ '^(min|max|exclusive|const)');
  inside record;
  branches record;
begin
  value_steps := 10 + 4 * coalesce(jsonb_array_length(checks -> 'type'), 0) + 10 * bounds
    + case when options = 0 then 0 when postrider_internal.is_listed(checks -> 'enum') then 10 + options * 4 / 5 else 4 * options end
    + 10 * coalesce(jsonb_array_length(checks -> 'prefixItems'), 0);
  object_steps := 6 * (select count(*) from jsonb_object_keys(checks -> 'properties')) + 4 * coalesce(jsonb_array_length(checks -> 'required'), 0);
  -- A regular expression makes a state for each character that it counts.
  byte_steps := case when (checks -> 'minLength')::numeric > 1 then 4 else 0 end + case when checks ? 'maxLength' then 4 else 0 end;
  -- Each part inside judges other values, so a value is judged by the most expensive part at most.
  select coalesce(max(c.value_steps), 0) + case when checks ? 'additionalProperties' then 40 + names * 4 / 5 else 0 end as value_steps,
         coalesce(max(c.object_steps), 0) as object_steps, coalesce(max(c.byte_steps), 0) as byte_steps
  into inside
  from (
    select p.value from jsonb_each(checks -> 'properties') p
    union all select e.value from jsonb_array_elements(checks -> 'prefixItems') e
    union all select i.value from jsonb_each(checks) i where i.key in ('items', 'additionalProperties')) part (schema)
  cross join lateral postrider_internal.predicate_steps(part.schema) c;
  -- Each of these judges the same value, and contains judges the same elements as items. oneOf repeats its branches.
  select coalesce(sum(c.value_steps * part.times), 0) as value_steps, coalesce(sum(c.object_steps * part.times), 0) as object_steps,
         coalesce(sum(c.byte_steps * part.times), 0) as byte_steps
  into branches
  from (
    select i.value, 1 from jsonb_each(checks) i where i.key in ('$ref', 'not', 'contains')
    union all select a.value, 1 from jsonb_array_elements(checks -> 'anyOf') a
    union all select a.value, 1 from jsonb_array_elements(checks -> 'allOf') a
    union all select a.value, 1 + postrider_internal.halvings(jsonb_array_length(checks -> 'oneOf')) from jsonb_array_elements(checks -> 'oneOf') a) part (schema, times)
  cross join lateral postrider_internal.predicate_steps(part.schema) c;
  value_steps := greatest(value_steps, inside.value_steps) + branches.value_steps;
  object_steps := greatest(object_steps, inside.object_steps) + branches.object_steps;
  byte_steps := greatest(byte_steps, inside.byte_steps) + branches.byte_steps;
end
$$;
comment on function postrider_internal.predicate_steps(jsonb) is
  'The most steps of 0.05 us that a predicate for these checks takes for each value of a payload, for each object in addition, and for each byte.';
