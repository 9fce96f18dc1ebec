create or replace function postrider_internal.take_asides(
  page postrider_internal.claim_page, turn integer, events_max integer, payload_bytes_max integer
) returns postrider_internal.claim_page
language plpgsql volatile -- it must see what was committed since the claim lock was taken
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- So many transactions share what asides get of a page; the others have their turn with the next pages.
  read_max constant integer := 4;
  read_count constant integer := least(read_max, cardinality(page.aside_xids), events_max);
  share constant integer := events_max / read_count;
  read_xids constant xid8[] := page.aside_xids[:read_count];
  read_seqs constant bigint[] := page.aside_seqs[:read_count];
  unread_xids xid8[];
begin
  select coalesce(bool_or(m.deliver_at > now()), false), array_agg(m.id) filter (where m.n <= share), array_agg(m.xid) filter (where m.n <= share),
         array_agg(m.seq) filter (where m.n <= share), array_agg(m.event_type) filter (where m.n <= share),
         array_agg(m.tenant) filter (where m.n <= share), array_agg(m.created_at) filter (where m.n <= share),
         array_agg(m.deliver_at) filter (where m.n <= share), array_agg(m.context) filter (where m.n <= share),
         array_agg(m.payload) filter (where m.n <= share),
         array_agg(m.xid) filter (where m.n > share)
  into page.has_later, page.ids, page.xids, page.seqs, page.event_types, page.tenants, page.created_times, page.deliver_times,
       page.contexts, page.payloads, unread_xids
  from (
    -- An event of the window and one of each aside in turns, because the page may end early.
    select w.id, w.xid, w.seq, w.event_type, w.tenant, w.created_at, w.deliver_at, w.context, w.payload, 0 as n, 2 * w.ordinality - turn as place
    from unnest(page.ids, page.xids, page.seqs, page.event_types, page.tenants, page.created_times, page.deliver_times,
                page.contexts, page.payloads)
      with ordinality w (id, xid, seq, event_type, tenant, created_at, deliver_at, context, payload, ordinality)
    union all
    select a.id, a.xid, a.seq, a.event_type, a.tenant, a.created_at, a.deliver_at,
           postrider_internal.claim_context(a.ordering_key, a.attributes, payload_bytes_max), postrider_internal.small_payload(a.payload, payload_bytes_max), a.n, 2 * a.n - 1 + turn
    from (
      select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at, o.deliver_at, o.ordering_key, o.attributes, o.payload,
             row_number() over (partition by o.xid order by o.seq) as n
      from unnest(read_xids, read_seqs) r (xid, seq)
      cross join lateral (
        select i.id, i.xid, i.seq, i.event_type, i.tenant, i.created_at, i.deliver_at, i.ordering_key, i.attributes,
               i.payload
        from postrider.outbox i
        where i.xid = r.xid and i.seq > r.seq
        order by i.xid, i.seq
        limit share + 1) o) a -- one more than it gets, which tells whether this is the end
    order by place) m;
  page.aside_xids := page.aside_xids[read_count + 1:] || read_xids;
  page.aside_seqs := page.aside_seqs[read_count + 1:] || read_seqs;
  page.ended_xids := array(select r.xid from unnest(read_xids) r (xid) where r.xid <> all (coalesce(unread_xids, '{}')));
  return page;
end
$$;
comment on function postrider_internal.take_asides(postrider_internal.claim_page, integer, integer, integer) is
  'Adds to a page the next events of the transactions that are aside, up to events_max of them, a few transactions in turn. turn: 1 if the page begins with an event of the window.';
