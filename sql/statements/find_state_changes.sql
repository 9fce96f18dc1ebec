-- Which endpoints changed their state in transactions that became visible since a snapshot, and the snapshot to ask from
-- next time. There is always a row; without a change, all but its snapshot is null. Pass null to get only the snapshot.
-- A transaction that was open for more than an hour is missed. At most 1,000 changes are returned; the audit has them all.
-- $1 snapshot of the last look, or null
-- Index: audit_pkey, from an hour ago on.
select pg_current_snapshot()::text as snapshot, c.change, c.audit_id, c.endpoint_id, postrider_internal.readable(c.reason) as reason,
       postrider_internal.readable(c.changed_by) as changed_by
from (select) one
left join lateral (
  select case a.after ->> 'state'
           when 'active' then case a.before ->> 'state' when 'paused' then 'resumed' else 'enabled' end
           else a.after ->> 'state' end as change,
         a.id as audit_id, a.endpoint_id,
         coalesce(a.after ->> 'state_reason', a.detail ->> 'reason') as reason, a.actor as changed_by
  from postrider.audit a
  where a.id >= postrider.uuid_v7_floor(now() - interval '1 hour')
    and not pg_visible_in_snapshot(a.transaction_id, $1::text::pg_snapshot)
    and a.before ->> 'state' <> a.after ->> 'state' and a.endpoint_id is not null
  order by a.id
  limit 1000) c on true;
