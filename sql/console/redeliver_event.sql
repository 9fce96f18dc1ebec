-- One more attempt of each delivery of an event now, but for those in flight and those that were cancelled.
-- $1 event
select postrider.redeliver($1::uuid, null) as deliveries;
