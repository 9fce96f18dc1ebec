-- grant: execute to publisher
--
-- Types that are not enforced cost an insert nothing that can be measured. The trigger of the outbox calls this if
--   (event_type = any (postrider_internal.judged_event_types())) is not false
-- and judged_event_types() is a constant: a function that is rewritten when the set of enforced types changes. It is in
-- SQL and stable, so the planner puts the constant in its place and notices when it is replaced; an immutable one would be
-- folded without a trace, and sessions would keep the old list. Creating a trigger only while a type is enforced would
-- wait for every open transaction that has inserted, with all inserts behind it; rewriting a function locks nothing that
-- an insert takes.
--
-- An enforced schema is compiled twice when it is defined. "checks" is the schema without annotations and with its
-- references resolved; postrider_internal.payload_problem walks it. "predicate" is the same as an SQL/JSON path, which
-- Postgres judges four times as fast. A payload that satisfies the predicate is accepted; only others are walked, and
-- the walk decides and gives the reason. A schema that no path can express has no predicate.
--
-- The work is bounded for every schema and payload. Only a timeout can stop a running path, so its greatest cost is
-- computed beforehand (predicate_steps), and a path that costs too much does not run. The walk counts as it goes. A
-- payload that neither can judge is refused as too much work.
--
-- Edits of the catalogue wait for each other at the row of postrider.event_type_policy, from their first statement on.
-- Otherwise two edits could each write the list without the types of the other. No insert waits there.

create or replace function postrider_internal.judge_event(event_type text, payload json) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  defined record;
begin
  select t.enforce, t.checks, t.predicate, t.value_steps, t.object_steps, t.byte_steps into defined
  from postrider.event_type t where t.name = judge_event.event_type;
  if defined.enforce then
    perform postrider_internal.judge_payload(event_type, payload, defined.checks, defined.predicate, defined.value_steps,
      defined.object_steps, defined.byte_steps);
  elsif defined.enforce is null then
    perform postrider_internal.refuse_if_unknown(event_type);
  end if;
end
$$;
comment on function postrider_internal.judge_event(text, json) is
  'Refuses an event that does not fit the enforced schema of its type, or whose type is unknown if unknown types are refused.';
