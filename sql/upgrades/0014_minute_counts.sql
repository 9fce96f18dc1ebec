-- What objectives need of each minute, and how many bytes were sent.
-- locks: the tables of the minutes, for a moment
-- breaking: no

alter table postrider.endpoint_minute_part
  add column failed_again integer not null default 0,
  add column excused integer not null default 0,
  add column sent_bytes bigint default 0;
comment on column postrider.endpoint_minute_part.failed_again is 'How many of sent_again failed.';
comment on column postrider.endpoint_minute_part.excused is
  'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';
comment on column postrider.endpoint_minute_part.sent_bytes is
  'Bytes of request bodies that were sent, without headers. Null if that is not known, because it is not recorded with the attempt.';
-- Before these columns, minutes did not have them.
update postrider.endpoint_minute_part p set sent_bytes = null;

alter table postrider.daemon_minute
  add column failed_again integer not null default 0,
  add column excused integer not null default 0,
  add column sent_bytes bigint default 0;
comment on column postrider.daemon_minute.failed_again is 'How many of sent_again failed.';
comment on column postrider.daemon_minute.excused is 'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';
comment on column postrider.daemon_minute.sent_bytes is 'Bytes of request bodies that were sent, without headers; null if it is not known.';
comment on table postrider.daemon_minute is
  'What each daemon did in each minute of its life, over all endpoints: mostly one row, two if it stopped or changed its id. Rows are only added. Sum it for the whole: it is cheap however many endpoints there are. In a minute without a row no daemon lived, or none reached Postgres.';
