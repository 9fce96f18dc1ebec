-- What is not known of a minute that is counted again from its attempts.
-- locks: postrider.daemon_minute, for a moment
-- breaking: no

alter table postrider.daemon_minute
  alter column claimed drop not null,
  alter column flushes drop not null,
  alter column in_flight_max drop not null,
  alter column waiting_max drop not null;
comment on column postrider.daemon_minute.claimed is 'Events that it claimed. Null if that is not known, because postrider.rebuild_minutes() added the row.';
comment on column postrider.daemon_minute.flushes is 'Transactions in which it recorded results; null if that is not known.';
comment on column postrider.daemon_minute.in_flight_max is
  'The most requests that were in progress when the minute began or results were recorded; null if that is not known.';
comment on column postrider.daemon_minute.waiting_max is
  'The most first attempts that were waiting in its memory when the minute began or results were recorded; null if that is not known.';
comment on column postrider.endpoint_minute_part.sent_bytes is
  'Bytes of request bodies that were sent, without headers. Null in what postrider.rebuild_minutes() added, because they are not recorded with the attempt.';
