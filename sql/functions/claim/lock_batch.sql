create or replace function postrider_internal.lock_batch(endpoint_id uuid, batch_id uuid) returns uuid[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_batches alone, under its planner settings.
declare
  members uuid[];
begin
  -- The first member stands for the batch, so that of two daemons one gets all members and not each some.
  perform
  from (
    select d.state, d.batch_id, d.next_attempt_at
    from postrider.delivery d
    where d.event_id = (
        select f.event_id
        from (
          select m.event_id from postrider.delivery m where m.batch_id = lock_batch.batch_id and m.state = 'pending'
          offset 0) f
        order by f.event_id
        limit 1)
      and d.endpoint_id = lock_batch.endpoint_id
    offset 0
    for update skip locked) l
  where l.state = 'pending' and l.batch_id = lock_batch.batch_id and l.next_attempt_at <= now();
  if not found then
    return null;
  end if;
  members := array(
    select d.event_id from postrider.delivery d
    where d.batch_id = lock_batch.batch_id and d.state = 'pending'
    for update skip locked);
  -- Members that are recorded with another flush come due a moment later, and those whose record was lost when their lease
  -- ends. A batch without them would be another one.
  if exists (
    select
    from (
      select d.event_id, d.endpoint_id, d.next_attempt_at
      from postrider.delivery d
      where d.batch_id = lock_batch.batch_id and d.state = 'pending'
      offset 0) m
    where m.next_attempt_at > now() or m.event_id <> all (members) or exists (
      select from postrider.cancellation c where c.event_id = m.event_id and c.endpoint_id = m.endpoint_id))
  then
    return null;
  end if;
  return members;
end
$$;
comment on function postrider_internal.lock_batch(uuid, uuid) is
  'Locks what is left of a batch that was sent before, and returns its members; null unless all of them are due and can be locked.';
