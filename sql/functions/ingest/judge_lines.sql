create or replace function postrider_internal.judge_lines(
  lines text[], filter jsonpath,
  out chosen integer[], out refused integer[], out reasons text[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  no_endpoint constant uuid[] := array['00000000-0000-0000-0000-000000000000'::uuid];
  verdict record;
begin
  chosen := '{}';
  refused := '{}';
  reasons := '{}';
  for n in 1 .. cardinality(lines) loop
    begin
      select j.problem, j.is_slow into verdict
      from (select lines[n]::json as payload) l
      left join lateral postrider_internal.judge_filters(l.payload, no_endpoint, array[filter]) j on filter is not null;
      if verdict.is_slow then
        verdict.problem := 'the filter takes longer than half a second with it';
      end if;
      if verdict.problem is not null then
        refused := refused || n;
        reasons := reasons || verdict.problem;
      elsif filter is null or verdict.is_slow is not null then
        chosen := chosen || n;
      end if;
    exception when data_exception or program_limit_exceeded then
      refused := refused || n;
      reasons := reasons || sqlerrm;
    end;
  end loop;
end
$$;
comment on function postrider_internal.judge_lines(text[], jsonpath) is
  'Which lines are JSON and match the filter, and which Postgres cannot read or judge, with the reasons. It judges line by line, as subscriptions are judged.';
