create or replace function postrider_internal.delete_strays(before date, now timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
-- Deletes from the default partitions only rows that are no longer needed, a limited number a step, because there may
-- be any number of them.
declare
  rows_max constant integer := 1000;
  bound constant uuid := postrider.uuid_v7_floor(before::timestamp at time zone 'UTC');
  -- Invented ids lie anywhere; an id of a future time counts by the day of its insertion.
  ahead constant uuid := postrider.uuid_v7_floor(delete_strays.now + interval '1 day');
  cursor_row record;
  ids uuid[];
  deleted bigint := 0;
  count bigint;
begin
  if exists (select from postrider.replay r where r.state = 'preparing') then
    return 0; -- it may be about to read these
  end if;
  select c.base, c.aside_xids, c.aside_seqs into strict cursor_row from postrider.claim c order by c.id desc limit 1;
  ids := array(
    select o.id
    from postrider.outbox_default o
    where (o.id < bound or o.id >= ahead and o.created_at < before::timestamp at time zone 'UTC')
      and postrider_internal.has_passed(cursor_row.base, null, null, null, cursor_row.aside_xids, cursor_row.aside_seqs, o.xid, o.seq)
      and not exists (select from postrider.delivery d where d.event_id = o.id and d.finished_at is null)
      and not exists (select from postrider.claim c where o.id = any (c.event_ids))
    order by o.id
    limit rows_max
    for update of o skip locked);
  if cardinality(ids) > 0 then
    perform postrider_internal.note_gone(s.id, s.id) from unnest(ids) s (id)
    where exists (select from postrider.delivery d where d.event_id = s.id and d.pull_place is not null);
    delete from postrider.idempotency_key k where k.event_id = any (ids);
    delete from postrider.cancellation c where c.event_id = any (ids);
    delete from postrider.other_attempt a
    where a.event_id = any (ids) and a.event_id between ids[1] and ids[cardinality(ids)];
    delete from postrider.transformation t
    where t.event_id = any (ids) and t.event_id between ids[1] and ids[cardinality(ids)];
    delete from postrider.delivery d
    where d.event_id = any (ids) and d.event_id between ids[1] and ids[cardinality(ids)] and d.finished_at is not null;
    delete from postrider.outbox_default o
    where o.id = any (ids) and not exists (select from postrider.delivery d where d.event_id = o.id);
    get diagnostics deleted = row_count;
  end if;

  -- Rows of events that are gone: recorded after their end, or of a day whose outbox alone had a partition.
  delete from postrider.delivery_default d
  where (d.event_id, d.endpoint_id) in (
    select e.event_id, e.endpoint_id
    from postrider.delivery_default e
    where (e.event_id < bound or e.event_id >= ahead and e.created_at < before::timestamp at time zone 'UTC')
      and e.finished_at is not null
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.claim c where e.event_id = any (c.event_ids))
    order by e.event_id, e.endpoint_id
    limit rows_max)
    and d.finished_at is not null;
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.other_attempt_default a
  where (a.event_id, a.endpoint_id, a.id) in (
    select e.event_id, e.endpoint_id, e.id
    from postrider.other_attempt_default e
    where (e.event_id < bound or e.event_id >= ahead and e.started_at < before::timestamp at time zone 'UTC')
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.delivery d where d.event_id = e.event_id and d.endpoint_id = e.endpoint_id)
    order by e.event_id, e.endpoint_id, e.id
    limit rows_max);
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.transformation_default t
  where (t.event_id, t.endpoint_id) in (
    select e.event_id, e.endpoint_id
    from postrider.transformation_default e
    where (e.event_id < bound or e.event_id >= ahead and e.created_at < before::timestamp at time zone 'UTC')
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.delivery d where d.event_id = e.event_id and d.endpoint_id = e.endpoint_id)
    order by e.event_id, e.endpoint_id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$$;
comment on function postrider_internal.delete_strays(date, timestamptz) is
  'Deletes some rows of the default partitions that belong to days before that one, in UTC, and are no longer needed; returns how many.';
