create or replace function postrider_internal.take_window(
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, events_max integer, payload_bytes_max integer
) returns postrider_internal.claim_page
language plpgsql volatile -- each statement must see what was committed since the claim lock was taken
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  was_open constant boolean := target is not null;
  page postrider_internal.claim_page;
  is_new boolean := not was_open;
  stragglers xid8[];
  window_xid xid8;
  window_seq bigint;
  started timestamptz;
  took interval;
begin
  -- A window that turns out complete with an empty page (the last one was exactly full) moves on to the next at once.
  for round in 1 .. 2 loop
    if is_new then
      target := pg_current_snapshot();
      after_xid := '0';
      after_seq := 0;
    end if;
    -- The window's own part begins behind the last page, or at the first transaction that base did not see.
    window_xid := greatest(after_xid, pg_snapshot_xmax(base));
    window_seq := case when after_xid = window_xid then after_seq else 0 end;
    -- Transactions that were open in base and have ended since.
    stragglers := null;
    if greatest(after_xid, pg_snapshot_xmin(base)) < pg_snapshot_xmax(base) then
      stragglers := array(select x from pg_snapshot_xip(base) x where x >= after_xid and pg_visible_in_snapshot(x, target));
    end if;
    started := clock_timestamp();
    if cardinality(stragglers) > 0 then
      -- A statement of its own, because a part that is never run costs as much to prepare as one that is: 6 us a partition.
      select coalesce(bool_or(p.deliver_at > now()), false), array_agg(p.id), array_agg(p.xid), array_agg(p.seq),
             array_agg(p.event_type), array_agg(p.tenant), array_agg(p.created_at), array_agg(p.deliver_at),
             array_agg(p.context), array_agg(postrider_internal.small_payload(p.payload, payload_bytes_max))
      into page.has_later, page.ids, page.xids, page.seqs,
           page.event_types, page.tenants, page.created_times, page.deliver_times, page.contexts, page.payloads
      from (
        -- Each part begins behind the one before it, so the whole is in order without a sort.
        -- One probe for each straggler. Transactions that are still open are not touched.
        (select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at, o.deliver_at,
                postrider_internal.claim_context(o.ordering_key, o.attributes, payload_bytes_max) as context, o.payload
         from unnest(stragglers) straggler (xid)
         cross join lateral (
           select i.id, i.xid, i.seq, i.event_type, i.tenant, i.created_at, i.deliver_at, i.ordering_key, i.attributes,
                  i.payload
           from postrider.outbox i
           where i.xid = straggler.xid and i.seq > case when straggler.xid = after_xid then after_seq else 0 end
           order by i.xid, i.seq
           limit events_max) o
         order by o.xid, o.seq
         limit events_max)
        union all
        (select w.id, w.xid, w.seq, w.event_type, w.tenant, w.created_at, w.deliver_at, w.context, w.payload
         from postrider_internal.window_events(window_xid, window_seq, target, events_max, payload_bytes_max) w)
        limit events_max) p;
    else
      select coalesce(bool_or(p.deliver_at > now()), false), array_agg(p.id), array_agg(p.xid), array_agg(p.seq),
             array_agg(p.event_type), array_agg(p.tenant), array_agg(p.created_at), array_agg(p.deliver_at),
             array_agg(p.context), array_agg(postrider_internal.small_payload(p.payload, payload_bytes_max))
      into page.has_later, page.ids, page.xids, page.seqs,
           page.event_types, page.tenants, page.created_times, page.deliver_times, page.contexts, page.payloads
      from postrider_internal.window_events(window_xid, window_seq, target, events_max, payload_bytes_max) p;
    end if;
    took := clock_timestamp() - started;
    exit when page.ids is not null or is_new;
    base := target;
    is_new := true;
  end loop;
  page.base := base;
  page.target := target;
  page.after_xid := after_xid;
  page.after_seq := after_seq;
  page.is_complete := coalesce(cardinality(page.ids), 0) < events_max;
  -- With nothing new, standing still has a price only if rows of open or aborted transactions, or stragglers that ended
  -- without events, are read again at every poll (22 ms each beside 300,000 uncommitted rows). Without them, a slow look
  -- only means many partitions, and would be as slow the next time.
  if page.ids is null then
    page.must_move := was_open
      or took > interval '10 ms'
      or took > interval '1 ms'
        and (cardinality(stragglers) > 0
          or exists (select from pg_snapshot_xip(target) x where x >= pg_snapshot_xmax(base)));
  end if;
  return page;
end
$$;
comment on function postrider_internal.take_window(pg_snapshot, pg_snapshot, xid8, bigint, integer, integer) is
  'The next events after the cursor, up to events_max of them. A window begins where the cursor has no target.';
