-- Who paused, disabled or otherwise changed this endpoint, by function or by hand: the last fifty actions, the newest first.
-- role: postrider_reader
-- cost: reads the audit of the endpoint, a row for each action of an operator
-- set: endpoint_id, the endpoint
--
-- acting_as is the role taken by set role. What was done to single deliveries, cancel and redeliver, is left out.
\if :{?endpoint_id} \else \warn Set endpoint_id, as in: psql -v endpoint_id=... \quit \endif
select u.at, u.actor, u.acting_as, u.action, u.after ->> 'state' as new_state,
       coalesce(u.detail ->> 'reason', u.after ->> 'state_reason') as reason, u.before, u.after, u.detail,
       e.state as state_now, e.state_changed_at
from postrider.audit u
left join postrider.endpoint e on e.id = u.endpoint_id
where u.endpoint_id = :'endpoint_id' and u.event_id is null
order by u.at desc, u.id desc
limit 50;
