create or replace function postrider_internal.branches_problem(
  keyword text, branches jsonb, value jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  fitting integer[] := '{}';
  branch_problems text[] := '{}';
  walked record;
begin
  for place in 0 .. jsonb_array_length(branches) - 1 loop
    walked := postrider_internal.payload_problem(branches -> place, value, pointer, steps_left);
    steps_left := walked.steps_left;
    if steps_left < 0 then
      problem := walked.problem;
      return;
    elsif walked.problem is null then
      fitting := fitting || place;
      exit when keyword = 'anyOf' or cardinality(fitting) = 2;
    elsif cardinality(branch_problems) < 3 then
      branch_problems := branch_problems || walked.problem;
    end if;
  end loop;
  if fitting = '{}' then
    problem := format('at %s: none of the %s of %s fits: %s', postrider_internal.shown_pointer(pointer),
      postrider_internal.counted(jsonb_array_length(branches), 'schema'), keyword, left(array_to_string(branch_problems, '; '), 600));
  elsif cardinality(fitting) = 2 then
    problem := format('at %s: more than one of the %s schemas of oneOf fits: number %s and number %s, counted from 0', postrider_internal.shown_pointer(pointer),
      jsonb_array_length(branches), fitting[1], fitting[2]);
  end if;
end
$$;
comment on function postrider_internal.branches_problem(text, jsonb, jsonb, text, integer) is
  'Why a value does not fit anyOf or oneOf; null if it does.';
