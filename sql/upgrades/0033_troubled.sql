-- An index of the deliveries that ended badly or took several attempts, for those who look for events by them.
-- locks: postrider.delivery; the index is built while it waits
-- breaking: no

-- One that succeeds at its first attempt is never in it, and its condition is worded so that no daemon's statement can use it.
create index delivery_troubled on postrider.delivery (event_id, endpoint_id)
  where state in ('exhausted', 'discarded') or attempts > 1;
