create or replace function postrider_internal.keep_cursor() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Claims and records run under this setting and leave the newest row. A look at the table could cost them something:
  -- beside a long transaction it is full of dead rows.
  if current_setting('plan_cache_mode') = 'force_generic_plan'
    or current_setting('postrider.may_empty', true) = 'on'
    or exists (select from (select c.id from postrider.claim c order by c.id desc limit 1) newest)
  then
    return null;
  end if;
  raise exception 'cannot delete from postrider.claim: without its newest row, daemons cannot tell which events they have claimed'
    using errcode = 'object_not_in_prerequisite_state',
      detail = 'Nothing was changed.',
      hint = 'Tests empty only what they fill, such as postrider.outbox, postrider.delivery and postrider.endpoint. Before a restore of data alone, call postrider.prepare_restore().';
end
$$;
comment on function postrider_internal.keep_cursor() is 'Refuses to delete the last row of postrider.claim.';

create or replace trigger claim_deleted after delete on postrider.claim
  for each statement execute function postrider_internal.keep_cursor();
comment on trigger claim_deleted on postrider.claim is 'Refuses to delete the last row.';
