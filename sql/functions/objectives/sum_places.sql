-- grant: execute to reader, operator

create or replace function postrider_internal.sum_places(counts bigint[], places integer) returns bigint
language sql immutable parallel safe
-- Without settings of its own, so that it is inlined: a row of a month is no call.
return case when places >= 1 then coalesce(counts[1], 0) else 0 end + case when places >= 2 then coalesce(counts[2], 0) else 0 end +
  case when places >= 3 then coalesce(counts[3], 0) else 0 end + case when places >= 4 then coalesce(counts[4], 0) else 0 end +
  case when places >= 5 then coalesce(counts[5], 0) else 0 end + case when places >= 6 then coalesce(counts[6], 0) else 0 end +
  case when places >= 7 then coalesce(counts[7], 0) else 0 end + case when places >= 8 then coalesce(counts[8], 0) else 0 end +
  case when places >= 9 then coalesce(counts[9], 0) else 0 end + case when places >= 10 then coalesce(counts[10], 0) else 0 end +
  case when places >= 11 then coalesce(counts[11], 0) else 0 end + case when places >= 12 then coalesce(counts[12], 0) else 0 end +
  case when places >= 13 then coalesce(counts[13], 0) else 0 end + case when places >= 14 then coalesce(counts[14], 0) else 0 end +
  case when places >= 15 then coalesce(counts[15], 0) else 0 end + case when places >= 16 then coalesce(counts[16], 0) else 0 end;
comment on function postrider_internal.sum_places(bigint[], integer) is
  'The sum of the first counts of a histogram of delays, which has up to 16.';
