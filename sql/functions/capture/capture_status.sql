-- grant: select to publisher, reader, operator

create or replace view postrider.capture_status as
select min(t.tgrelid)::regclass as table_name,
       min(t.arguments[1]) as event_type,
       array_agg(lower(split_part(t.tgname, '_', 2) collate "C") order by t.tgtype & 4 desc, t.tgtype & 16 desc) as operations,
       nullif(min(t.arguments[2]), '') as condition,
       nullif(min(t.arguments[3]), '') as payload,
       nullif(min(t.arguments[4]), '') as ordering_key,
       nullif(min(t.arguments[5]), '') as tenant,
       min(t.tgfoid)::regprocedure as function_name,
       min(p.proowner)::regrole as runs_as,
       case
         when not has_column_privilege(min(p.proowner), 'postrider.outbox'::regclass, 'payload', 'insert')
         then format('%s may not insert events, so that changes of captured rows fail: grant postrider_publisher to %1$s',
                     min(p.proowner)::regrole)
         when bool_or(t.tgenabled not in ('O', 'A'))
         then 'triggers are disabled, so that changes make no events: alter table ... enable trigger'
         when min(p.proowner) <> min(c.relowner)
         then format('the table now belongs to %s: have its owner capture it again', min(c.relowner)::regrole)
         when postrider_internal.lost_columns(t.tgrelid, t.tgfoid) is not null
         then format('columns that it names were renamed or dropped, and the latter are null: %s. Capture it again: until then, each change is slower',
                     postrider_internal.lost_columns(t.tgrelid, t.tgfoid))
       end as problem
from (
  select g.tgrelid, g.tgname, g.tgtype, g.tgfoid, g.tgenabled, postrider_internal.trigger_arguments(g.tgargs) as arguments
  from pg_catalog.pg_trigger g
  where g.tgname ~ '^postrider_(insert|update|delete)_' and not g.tgisinternal and g.tgparentid = 0 and g.tgnargs = 6
) t
join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_proc p on p.oid = t.tgfoid
group by t.tgrelid, t.tgfoid;
comment on view postrider.capture_status is
  'Which tables'' changes become events, one row a capture, read from their triggers. Made by postrider.capture, ended by postrider.uncapture or with the table.';
comment on column postrider.capture_status.table_name is 'The table.';
comment on column postrider.capture_status.event_type is 'The type of the events.';
comment on column postrider.capture_status.operations is 'Of insert, update and delete those that make events.';
comment on column postrider.capture_status.condition is 'Which changes make an event, as it was given to capture; null for all that change anything. Columns that were renamed since have their earlier names here.';
comment on column postrider.capture_status.payload is 'The expression for the payload; null for the default: operation, table, old and new.';
comment on column postrider.capture_status.ordering_key is 'The expression for the ordering key; null for none.';
comment on column postrider.capture_status.tenant is 'The expression for the tenant; null for the empty tenant.';
comment on column postrider.capture_status.function_name is 'The function of the triggers, made by capture.';
comment on column postrider.capture_status.runs_as is 'The role with whose rights the function acts: the owner of the table when it was captured.';
comment on column postrider.capture_status.problem is 'What keeps changes from becoming events, and what to do; null if nothing does.';
