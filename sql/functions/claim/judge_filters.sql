-- grant: execute to daemon

create or replace function postrider_internal.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
returns table (endpoint_id uuid, problem text, is_slow boolean)
language plpgsql volatile -- the clock is read, and a payload is not to be looked at before its turn
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Reading a payload as jsonb sorts its keys, which nothing interrupts: the worst of one megabyte took 0.5 s, the worst
  -- of eight 5 s, and one of forty-nine outlasted every deadline, at every claim.
  payload_bytes_max constant integer := 1048576;
  -- A comparison of two paths tries every value of the one with every value of the other, and nothing interrupts that
  -- either: two lists of 16,000 took 15 s.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  compared_bytes_max constant integer := 8192;
  has_long_list constant jsonpath := 'strict exists($.** ? (@.type() == "array" && @.size() > 1000))';
  filters_time_max constant interval := '1 s';
  filter_time_max constant interval := '500 ms';
  started constant timestamptz := clock_timestamp();
  filter_started timestamptz;
  payload_bytes integer;
  document jsonb;
  unreadable text;
begin
  is_slow := false;
  -- the size on disk first, for it needs no reading; it is the least that the payload can have
  payload_bytes := case when pg_column_size(payload) <= payload_bytes_max then octet_length(payload::text) end;
  if payload_bytes is null or payload_bytes > payload_bytes_max then
    unreadable := format('the payload has %s bytes, and filters are applied up to %s',
                         coalesce(payload_bytes::text, 'more than ' || pg_column_size(payload)), payload_bytes_max);
  else
    begin
      document := payload::jsonb;
    exception
      -- \u0000, a number beyond numeric, a nesting too deep
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        unreadable := format('no filter can be applied to the payload: %s', sqlerrm);
    end;
  end if;
  for n in 1 .. cardinality(filters) loop
    endpoint_id := endpoint_ids[n];
    problem := unreadable;
    filter_started := clock_timestamp();
    begin
      if problem is null and filter_started - started > filters_time_max then
        problem := 'the filters of the endpoints before it took longer than a second with this payload';
      end if;
      if problem is null and payload_bytes > compared_bytes_max
        and filters[n]::text ~ compares_paths and document @@ has_long_list
      then
        problem := format('the filter %s compares two paths, and the payload has a list of more than 1000', filters[n]);
      end if;
      if problem is not null or document @@ filters[n] then
        return next;
      end if;
      null; -- a cancel that nothing has met so far is met here
    exception
      -- The deadline of the statement: what is asked next is asked without this filter. A cancel that comes sooner is
      -- somebody's, and obeyed. There is no deadline any more: nothing may follow here that takes long.
      when query_canceled then
        if clock_timestamp() - filter_started < filter_time_max then
          raise;
        end if;
      -- A date compared with a time that has a zone (0A000), a variable that nobody sets (42704): a list would miss one,
      -- and what it misses stops every claim. Only what is the server's trouble is no fault of the event or the filter.
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        problem := format('the filter %s cannot be applied to the payload: %s', filters[n], sqlerrm);
        return next;
    end;
    if clock_timestamp() - filter_started > filter_time_max then
      problem := null;
      is_slow := true;
      return next;
      return;
    end if;
  end loop;
end
$$;
comment on function postrider_internal.judge_filters(json, uuid[], jsonpath[]) is
  'The endpoints one of whose filters the payload matches, and those where Postgres cannot judge, with the reason; no answer is no match. Takes a second at most, and what one filter takes: at a filter that takes longer than half a second it stops (is_slow), and what it has said about the others is not all.';
