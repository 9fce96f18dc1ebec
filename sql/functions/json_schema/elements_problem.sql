create or replace function postrider_internal.elements_problem(
  checks jsonb, whole jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  prefix constant jsonb := checks -> 'prefixItems';
  prefix_length constant integer := coalesce(jsonb_array_length(prefix), 0);
  others constant jsonb := checks -> 'items';
  part jsonb;
  walked record;
begin
  -- By index: as a set, all elements would be materialized before the first is looked at.
  for place in 0 .. jsonb_array_length(whole) - 1 loop
    part := case when place < prefix_length then prefix -> place else others end;
    exit when part is null;
    walked := postrider_internal.payload_problem(part, whole -> place, pointer || '/' || place, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$$;
comment on function postrider_internal.elements_problem(jsonb, jsonb, text, integer) is
  'What payload_problem says of the first element of an array that does not fit.';
