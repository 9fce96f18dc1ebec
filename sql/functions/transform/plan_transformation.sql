create or replace function postrider_internal.plan_transformation(endpoint_id uuid) returns postrider_internal.transformation_plan
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  plan postrider_internal.transformation_plan;
  target record;
  template record;
begin
  select e.id, e.revision, e.payload, e.headers, e.payload_fallback into target
  from postrider.endpoint e
  where e.id = plan_transformation.endpoint_id and e.transforms;
  if not found then
    return null;
  end if;
  plan.endpoint_id := target.id;
  plan.revision := target.revision;
  plan.fallback := target.payload_fallback;
  if target.payload is not null then
    template := postrider_internal.read_template(target.payload);
    plan.skeleton := template.skeleton;
    plan.places := template.places;
    plan.texts := template.texts;
    plan.paths := template.paths;
    plan.lists := template.lists;
  end if;
  select array_agg(h.key) filter (where p.is_path), array_agg(postrider_internal.parse_path(h.value)) filter (where p.is_path),
         coalesce(sum(length(h.key) + length(h.value)) filter (where not p.is_path), 0)
  into plan.header_names, plan.header_paths, plan.header_length
  from jsonb_each_text(target.headers) h
  cross join lateral (select postrider_internal.is_path(h.value) as is_path) p;
  plan.reads_payload := exists (
    select from unnest(plan.paths || plan.header_paths) p (path) where p.path::text !~ '^(strict )?[(]*\$"');
  return plan;
end
$$;
comment on function postrider_internal.plan_transformation(uuid) is
  'What is to be done with each event for an endpoint; null if it has no path anywhere.';
