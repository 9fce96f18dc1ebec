create or replace function postrider_internal.refuse_emptying() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Claims and records run under this setting and leave the newest claim. A look at the table could cost them something:
  -- beside a long transaction it is full of dead rows.
  if tg_table_name = 'claim' and tg_op = 'DELETE'
    and (current_setting('plan_cache_mode') = 'force_generic_plan'
      or exists (select from (select c.id from postrider.claim c order by c.id desc limit 1) newest))
  then
    return null;
  end if;
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
  'Refuses to remove the rows that Postrider cannot work without: truncate, any delete from schema_migration and sending, and a delete of the newest claim.';

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

create or replace trigger claim_delete after delete on postrider.claim
  for each statement execute function postrider_internal.refuse_emptying();
comment on trigger claim_delete on postrider.claim is 'Refuses to delete the last row.';
