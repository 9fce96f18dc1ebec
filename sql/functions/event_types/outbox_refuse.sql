-- Types that are not enforced cost nothing per row. The trigger on the outbox fires if
--   (event_type = any (postrider_internal.judged_event_types())) is not false
-- and judged_event_types() is a constant: a function that is rewritten when the set of enforced types changes. Postgres
-- evaluates it once a statement, when it prepares the condition: 1 us, and nothing per row. Reading a table there took
-- 4 us a statement. Creating a trigger only while a type is enforced would wait for every open transaction that has
-- inserted, with all inserts behind it; rewriting a function locks nothing that an insert takes.
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

create or replace function postrider_internal.outbox_refuse() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  defined record;
begin
  if new.xid is distinct from pg_current_xact_id() then
    raise exception 'cannot insert an event with an xid of another transaction'
      using errcode = 'check_violation',
        detail = format('The row says %s; this transaction is %s. Claims find events by xid, so the event would be lost or sent out of order.', new.xid, pg_current_xact_id()),
        hint = 'Leave xid out of the insert; Postgres fills it in. To restore data alone: pg_dump --data-only --load-via-partition-root, then PGOPTIONS=''-c session_replication_role=replica'' pg_restore --data-only.';
  elsif new.event_type is null or new.payload is null then
    return new; -- which the table refuses itself
  end if;
  select t.enforce, t.checks, t.predicate, t.value_steps, t.object_steps, t.byte_steps into defined from postrider.event_type t where t.name = new.event_type;
  if defined.enforce then
    perform postrider_internal.judge_payload(new.event_type, new.payload, defined.checks, defined.predicate, defined.value_steps,
      defined.object_steps, defined.byte_steps);
  elsif defined.enforce is null then
    perform postrider_internal.refuse_if_unknown(new.event_type);
  end if;
  return new;
end
$$;
comment on function postrider_internal.outbox_refuse() is
  'Refuses an event that names another transaction as its inserter, that does not fit the enforced schema of its type, or whose type is unknown if unknown types are refused.';

-- One trigger for both, because each further trigger with a condition costs a statement 2 us. Its name makes it fire
-- after outbox_idempotency, so an event that a known key leaves out is not judged.
create or replace trigger outbox_refuse before insert on postrider.outbox
  for each row when (new.xid is distinct from pg_current_xact_id()
    or (new.event_type = any (postrider_internal.judged_event_types())) is not false)
  execute function postrider_internal.outbox_refuse();
comment on trigger outbox_refuse on postrider.outbox is
  'Fires only for rows whose xid is not the transaction''s own, and for those whose definition must be checked.';
