create or replace function postrider_internal.refuse_emptying() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- prepare_restore() sets it for its own transaction.
  if current_setting('postrider.may_empty', true) = 'on' then
    return old;
  end if;
  raise exception 'cannot % postrider.%: %',
    case tg_op when 'TRUNCATE' then 'truncate' else 'delete from' end, tg_table_name,
    case tg_table_name
      when 'claim' then 'without its newest row, daemons cannot tell which events they have claimed'
      when 'sending' then 'without its row, daemons cannot tell whether they may send from this database'
      when 'schema_migration' then 'it records which files made these tables'
      else 'it records which functions are installed' end
    using errcode = 'object_not_in_prerequisite_state',
      detail = 'Nothing was changed.',
      hint = 'Tests empty only what they fill, such as postrider.outbox, postrider.delivery and postrider.endpoint. Before a restore of data alone, call postrider.prepare_restore().';
end
$$;
comment on function postrider_internal.refuse_emptying() is
  'Refuses to remove the rows that Postrider cannot work without: truncate, and any delete from schema_migration and sending.';

create or replace trigger schema_migration_truncate before truncate on postrider.schema_migration
  for each statement execute function postrider_internal.refuse_emptying();
comment on trigger schema_migration_truncate on postrider.schema_migration is 'Refuses truncate.';

create or replace trigger schema_migration_deleting before delete on postrider.schema_migration
  for each row execute function postrider_internal.refuse_emptying();
comment on trigger schema_migration_deleting on postrider.schema_migration is 'Refuses to delete a row.';

create or replace trigger schema_object_truncate before truncate on postrider.schema_object
  for each statement execute function postrider_internal.refuse_emptying();
comment on trigger schema_object_truncate on postrider.schema_object is 'Refuses truncate. Single rows may be deleted, to have a file installed again.';

create or replace trigger sending_truncate before truncate on postrider.sending
  for each statement execute function postrider_internal.refuse_emptying();
comment on trigger sending_truncate on postrider.sending is 'Refuses truncate.';

create or replace trigger sending_deleting before delete on postrider.sending
  for each row execute function postrider_internal.refuse_emptying();
comment on trigger sending_deleting on postrider.sending is 'Refuses to delete the row.';

create or replace trigger claim_truncate before truncate on postrider.claim
  for each statement execute function postrider_internal.refuse_emptying();
comment on trigger claim_truncate on postrider.claim is 'Refuses truncate.';
