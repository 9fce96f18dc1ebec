create or replace function postrider_internal.partition_key(parent text) returns text
language sql immutable parallel safe
return case when parent = 'outbox' then 'id' when parent in ('delivery', 'other_attempt', 'transformation') then 'event_id' else 'minute' end;
comment on function postrider_internal.partition_key(text) is 'The column by which a table is partitioned.';
