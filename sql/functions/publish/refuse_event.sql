-- grant: execute to publisher

-- The texts tell lengths, and of the columns the event type alone: keys and tenants may be personal.
create or replace function postrider_internal.refuse_event(
  xid xid8, event_type text, lacks_payload boolean, tenant text, ordering_key text, idempotency_key text, attributes jsonb
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  column_name text;
  problem text;
  rule text;
  advice text;
begin
  if xid is distinct from pg_current_xact_id() then
    raise exception 'cannot insert an event with an xid of another transaction'
      using errcode = 'check_violation', schema = 'postrider', table = 'outbox', column = 'xid',
        constraint = 'xid is the transaction that inserts the event',
        detail = format('The row says %s; this transaction is %s. Claims find events by xid, so the event would be lost or sent out of order.', xid, pg_current_xact_id()),
        hint = 'Leave xid out of the insert; Postgres fills it in. To restore data alone: pg_dump --data-only --load-via-partition-root, then PGOPTIONS=''-c session_replication_role=replica'' pg_restore --data-only.';
  elsif event_type is null or lacks_payload then
    column_name := case when event_type is null then 'event_type' else 'payload' end;
    raise exception 'cannot insert an event without %', case when event_type is null then 'a type' else 'a payload' end
      using errcode = 'not_null_violation', schema = 'postrider', table = 'outbox', column = column_name,
        hint = case column_name when 'payload' then 'Give a payload. For an event without data, the null of JSON will do: ''null''.'
                 else 'Give an event_type, such as order.paid.' end;
  elsif event_type !~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$' or length(event_type) > 255 then
    column_name := 'event_type';
    rule := 'event_type is words of letters, digits, _-/: joined by dots';
    problem := case when length(event_type) > 255 then format('has %s characters', length(event_type)) else 'is ' || to_json(event_type) end;
    advice := 'An event type is words of letters, digits, _, -, / and :, joined by dots, at most 255 long, such as order.paid.';
  elsif length(tenant) > 255 then
    column_name := 'tenant';
    rule := 'tenant has at most 255 characters';
    problem := format('has %s characters', length(tenant));
    advice := 'A tenant has at most 255 characters. Its id serves better than its name.';
  elsif length(ordering_key) not between 1 and 255 then
    column_name := 'ordering_key';
    rule := 'ordering_key has 1 to 255 characters';
    problem := format('has %s characters', length(ordering_key));
    advice := 'An ordering key has 1 to 255 characters. Leave it out, or give null, if there is none.';
  elsif length(idempotency_key) not between 1 and 255 then
    column_name := 'idempotency_key';
    rule := 'idempotency_key has 1 to 255 characters';
    problem := format('has %s characters', length(idempotency_key));
    advice := 'An idempotency key has 1 to 255 characters. Leave it out, or give null, if there is none.';
  elsif jsonb_typeof(attributes) <> 'object' then
    column_name := 'attributes';
    rule := 'attributes is a JSON object';
    problem := 'is a JSON ' || jsonb_typeof(attributes);
    advice := 'Attributes are a JSON object, such as {"subject": "order-42"}. Leave them out, or give null, if there are none.';
  else
    return;
  end if;
  raise exception 'cannot insert an event whose % %', column_name, problem
    using errcode = 'check_violation', constraint = rule, schema = 'postrider', table = 'outbox', column = column_name, hint = advice;
end
$$;
comment on function postrider_internal.refuse_event(xid8, text, boolean, text, text, text, jsonb) is
  'Refuses an event for the first of its columns that breaks a rule, with what was found and what to do. It shows no other value than the event type.';
