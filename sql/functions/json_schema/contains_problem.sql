create or replace function postrider_internal.contains_problem(
  checks jsonb, whole jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  inside constant jsonb := checks -> 'contains';
  fewest constant numeric := coalesce((checks -> 'minContains')::numeric, 1);
  most constant numeric := (checks -> 'maxContains')::numeric;
  fitting integer := 0;
  walked record;
begin
  for place in 0 .. jsonb_array_length(whole) - 1 loop
    exit when fitting > most or (most is null and fitting >= fewest);
    walked := postrider_internal.payload_problem(inside, whole -> place, pointer || '/' || place, steps_left);
    steps_left := walked.steps_left;
    if steps_left < 0 then
      problem := walked.problem;
      return;
    elsif walked.problem is null then
      fitting := fitting + 1;
    end if;
  end loop;
  if fitting > most then
    problem := format('at %s: expected at most %s that fit contains, found more', postrider_internal.shown_pointer(pointer), postrider_internal.counted(most::bigint, 'element'));
  elsif fitting < fewest then
    problem := format('at %s: expected at least %s that fit contains, found %s', postrider_internal.shown_pointer(pointer),
      postrider_internal.counted(fewest::bigint, 'element'), fitting);
  end if;
end
$$;
comment on function postrider_internal.contains_problem(jsonb, jsonb, text, integer) is
  'Why too few or too many elements of an array fit contains; null if as many do as must.';
