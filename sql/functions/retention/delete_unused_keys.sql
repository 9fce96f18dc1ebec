create or replace function postrider_internal.delete_unused_keys(before date, now timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
-- offset 0: each event is looked up, because a join might read all of them.
--
-- A publisher may call note_idempotency_key with the id of no event, and such an id may be of any time. A key and its event
-- become visible together, so a key that is seen without its event has none. Those of days that have a partition go with
-- their day; these lie before and behind them.
declare
  rows_max constant integer := 1000;
  -- The days from here on hold keys with events, however many.
  oldest constant date := (
    select to_date(min(right(c.relname, 8)), 'YYYYMMDD')
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid and c.relname ~ '^outbox_[0-9]{8}$'
    where i.inhparent = 'postrider.outbox'::regclass);
  bound constant uuid := postrider.uuid_v7_floor(least(before, oldest)::timestamp at time zone 'UTC');
  ahead constant uuid := postrider.uuid_v7_floor(delete_unused_keys.now + interval '1 day');
  deleted bigint;
begin
  delete from postrider.idempotency_key k
  using (
    (select e.tenant, e.idempotency_key
     from postrider.idempotency_key e
     where e.event_id < bound and not exists (select from postrider.outbox o where o.id = e.event_id offset 0)
     limit rows_max)
    union all
    (select e.tenant, e.idempotency_key
     from postrider.idempotency_key e
     where e.event_id >= ahead and not exists (select from postrider.outbox o where o.id = e.event_id offset 0)
     limit rows_max)) unused
  where k.tenant = unused.tenant and k.idempotency_key = unused.idempotency_key;
  get diagnostics deleted = row_count;
  return deleted;
end
$$;
comment on function postrider_internal.delete_unused_keys(date, timestamptz) is
  'Deletes some idempotency keys whose event does not exist, of days before that one, in UTC, and of days to come; returns how many.';
