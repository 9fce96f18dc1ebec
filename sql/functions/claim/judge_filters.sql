-- grant: execute to daemon

create or replace function postrider_internal.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
returns table (endpoint_id uuid, problem text, is_slow boolean)
language plpgsql volatile -- it reads the clock, and must not look at a payload before its turn
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Reading a payload as jsonb sorts its keys, and that cannot be interrupted. The worst payload of 1 MB took 0.5 s, the
  -- worst of 8 MB took 5 s, and one of 49 MB exceeded every deadline at every claim.
  payload_bytes_max constant integer := 1048576;
  -- A comparison of two paths tries every value of one with every value of the other. Nothing interrupts that, either:
  -- two lists of 16,000 took 15 s.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  compared_bytes_max constant integer := 8192;
  has_long_list constant jsonpath := 'strict exists($.** ? (@.type() == "array" && @.size() > 1000))';
  filters_time_max constant interval := '1 s';
  filter_time_max constant interval := '500 ms';
  started timestamptz;
  filter_started timestamptz;
  took interval;
  longest interval := '0';
  is_found boolean;
  is_cancelled boolean := false;
  is_again boolean := false;
  n integer := 0;
  payload_bytes integer;
  document jsonb;
  unreadable text;
begin
  is_slow := false;
  -- The size on disk comes first, because it needs no reading. The payload has at least so many bytes.
  begin
    payload_bytes := case when pg_column_size(payload) <= payload_bytes_max then octet_length(payload::text) end;
    if payload_bytes is null or payload_bytes > payload_bytes_max then
      unreadable := format('the payload has %s bytes, and filters are applied up to %s',
                           coalesce(payload_bytes::text, 'more than ' || pg_column_size(payload)), payload_bytes_max);
    else
      document := payload::jsonb;
    end if;
  exception
    -- \u0000, a number beyond numeric, a nesting too deep, damage on the disk.
    when others then
      if left(sqlstate, 2) in ('53', '57', '58') then
        raise;
      end if;
      unreadable := format('no filter can be applied to the payload: %s', sqlerrm);
  end;
  -- A second also passes while the server stands still. So reading the payload does not count, nor does the filter that took
  -- longest, and a filter that took too long is applied once more before it is blamed.
  filter_started := clock_timestamp();
  started := filter_started;
  while n < cardinality(filters) loop
    n := n + 1;
    endpoint_id := endpoint_ids[n];
    problem := unreadable;
    is_found := false;
    begin
      if problem is null and filter_started - started > filters_time_max then
        problem := 'the filters of the endpoints before it took longer than a second with this payload';
      end if;
      if problem is null and payload_bytes > compared_bytes_max
        and filters[n]::text ~ compares_paths and document @@ has_long_list
      then
        problem := format('the filter %s compares two paths, and the payload has a list of more than 1000', filters[n]);
      end if;
      is_found := problem is not null or document @@ filters[n];
      null; -- a cancel that has not been noticed yet is noticed here
    exception
      -- The deadline of the statement: the next claim leaves this filter out. A cancel that arrives earlier came from a
      -- person, so it is obeyed. No deadline follows this one, so nothing slow may follow either.
      when query_canceled then
        if clock_timestamp() - filter_started < filter_time_max and not is_again then
          raise;
        end if;
        is_cancelled := true;
      -- Examples: a date compared with a time that has a zone (0A000), or a variable that is never set (42704). A list of
      -- codes would miss one, and that one would stop every claim. Only server problems are not blamed on event or filter.
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        problem := format('the filter %s cannot be applied to the payload: %s', filters[n], sqlerrm);
        is_found := true;
    end;
    took := clock_timestamp() - filter_started;
    filter_started := filter_started + took;
    if took > filter_time_max and not is_again and not is_cancelled then
      is_again := true;
      n := n - 1;
      started := started + took;
      continue;
    end if;
    if is_found then
      return next;
    end if;
    if took > filter_time_max or is_cancelled then
      problem := null;
      is_slow := true;
      return next;
      return;
    end if;
    is_again := false;
    if took > longest then
      started := started + took - longest;
      longest := took;
    end if;
  end loop;
end
$$;
comment on function postrider_internal.judge_filters(json, uuid[], jsonpath[]) is
  'The endpoints with a filter that the payload matches, and those with one that Postgres cannot judge, with the reason; no row means no match. Takes a second or two at most. It stops at a filter that takes longer than half a second, twice in a row (is_slow); the rows of the others are then not complete.';
