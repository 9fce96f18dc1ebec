-- Who paused, disabled or otherwise changed this endpoint: the last fifty actions, the newest first.
-- role: postrider_reader
-- cost: reads the audit, a row for each action of an operator
-- set: endpoint_id, the endpoint
select u.at, u.actor, u.action, u.detail ->> 'reason' as reason, u.detail, e.state as state_now, e.state_changed_at
from postrider.audit u
left join postrider.endpoint e on e.id = u.endpoint_id
where u.endpoint_id = :'endpoint_id'
order by u.at desc, u.id desc
limit 50;
