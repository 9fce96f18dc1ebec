-- grant: select to reader, operator, daemon

create or replace view postrider.endpoint_health as
  select e.id as endpoint_id, e.name, e.shown_url as url, e.tenant, e.state, e.state_reason,
         coalesce(f.consecutive_failures, 0) > 0 as is_failing,
         f.failing_since,
         coalesce(f.consecutive_failures, 0) as consecutive_failures,
         f.last_failure_at, f.last_failure_kind, f.last_http_status, f.last_error,
         f.recovered_at,
         -- Counted once for all endpoints, and only if the column is asked for: a join with a function is always made.
         coalesce(((select jsonb_object_agg(u.endpoint_id, u.exhausted) from postrider_internal.count_undelivered(10000) u)
                   ->> e.id::text)::bigint, 0) as exhausted,
         t.p50_ms,
         t.p95_ms,
         case when e.state = 'active' and f.failing_since is not null
              then greatest(f.failing_since, e.state_changed_at) + e.disable_after end as disabled_from,
         case when e.circuit_opened_at is null or coalesce(f.consecutive_failures, 0) = 0 then 'closed'
              when f.probe_until > now() then 'half-open' else 'open' end as circuit,
         e.circuit_opened_at,
         case when e.circuit_opened_at is not null then f.next_probe_at end as next_probe_at,
         -- These two as well.
         coalesce(((select jsonb_object_agg(h.endpoint_id, h.keys)
                    from (
                      select k.endpoint_id, count(*) as keys
                      from (
                        select d.endpoint_id from postrider.delivery d
                        where d.ordering_seq is not null and d.state = 'exhausted' and d.halts
                        limit 10000) k
                      group by k.endpoint_id) h)
                   ->> e.id::text)::bigint, 0) as halted_keys,
         ((select jsonb_object_agg(h.endpoint_id, h.since)
           from (
             select k.endpoint_id, min(k.finished_at) as since
             from (
               select d.endpoint_id, d.finished_at from postrider.delivery d
               where d.ordering_seq is not null and d.state = 'exhausted' and d.halts
               limit 10000) k
             group by k.endpoint_id) h)
          ->> e.id::text)::timestamptz as halted_since,
         postrider_internal.certificate_expiry(e.client_certificate ->> 'certificate') as certificate_expires_at
  from postrider.endpoint e
  left join postrider.endpoint_failure f on f.endpoint_id = e.id
  -- From the minutes and not from the newest attempts: those are all of the busiest endpoints, and a quiet one would have
  -- none among them. Postgres leaves this join out if neither column is asked for, and for one endpoint reads its rows alone.
  left join (
    select s.endpoint_id,
           postrider.percentile(s.request_ms, postrider.request_ms_bounds(), 0.5, false)::integer as p50_ms,
           postrider.percentile(s.request_ms, postrider.request_ms_bounds(), 0.95, false)::integer as p95_ms
    from (
      select m.endpoint_id,
             -- Place by place, as in endpoint_minute.
             array[
               sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]),
               sum(m.request_ms[6]), sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]),
               sum(m.request_ms[11]), sum(m.request_ms[12]), sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]),
               sum(m.request_ms[16]), sum(m.request_ms[17])] as request_ms
      from postrider.endpoint_minute_part m
      where m.minute > now() - interval '1 hour'
      group by m.endpoint_id) s) t on t.endpoint_id = e.id;
comment on view postrider.endpoint_health is
  'Whether each endpoint fails, since when and how, and when that would disable it. Its cost depends on the number of endpoints, of minutes of the last hour in which they had attempts, of deliveries that failed for good (up to 10,000 an endpoint) and of those that halt a key (up to 10,000), not of those that succeeded. Failures of deliveries that were sent again by hand do not count; successes do.';
comment on column postrider.endpoint_health.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_health.name is 'Its name.';
comment on column postrider.endpoint_health.url is 'Its URL.';
comment on column postrider.endpoint_health.tenant is 'Its tenant.';
comment on column postrider.endpoint_health.state is 'active, paused or disabled.';
comment on column postrider.endpoint_health.state_reason is 'Why it is paused or disabled.';
comment on column postrider.endpoint_health.is_failing is 'Whether its last attempt failed.';
comment on column postrider.endpoint_health.failing_since is 'When the first failure after the last success was recorded; null if it does not fail.';
comment on column postrider.endpoint_health.consecutive_failures is 'Failed attempts since the last success, over all its deliveries.';
comment on column postrider.endpoint_health.last_failure_at is 'When the last failure was recorded, even if a success followed; null if there was none.';
comment on column postrider.endpoint_health.last_failure_kind is 'How that attempt failed, as in postrider.attempt.';
comment on column postrider.endpoint_health.last_http_status is 'The status of its response; null if there was none.';
comment on column postrider.endpoint_health.last_error is 'What went wrong, in a sentence.';
comment on column postrider.endpoint_health.recovered_at is 'When a success last ended a series of failures. Other successes are not noted, because each would cost a write.';
comment on column postrider.endpoint_health.exhausted is 'Its deliveries that are exhausted, as long as their events are kept; a lower bound from 10,000 on, see postrider.undelivered.';
comment on column postrider.endpoint_health.p50_ms is 'Half of its attempts of the last hour took at most so many milliseconds: a bound of postrider.request_ms_bounds(). Null if it had none; those of the present minute are counted when it is over. The recipe slowest_receivers has exact numbers.';
comment on column postrider.endpoint_health.p95_ms is 'The same for 95 of 100.';
comment on column postrider.endpoint_health.disabled_from is 'The first failure after this time disables it, unless a success comes first; null if it does not fail, is not active, or has no disable_after.';
comment on column postrider.endpoint_health.circuit is 'closed; open: it keeps failing, so its deliveries wait and only probes are sent; half-open: a probe is in progress.';
comment on column postrider.endpoint_health.circuit_opened_at is 'Since when its circuit is open; null if it is closed.';
comment on column postrider.endpoint_health.next_probe_at is 'From when the next probe is sent, if a delivery is due; null if its circuit is closed.';
comment on column postrider.endpoint_health.halted_keys is 'How many of its ordering keys an exhausted event halts; a lower bound if there are more than 10,000 over all endpoints. postrider.halted_key shows which, postrider.skip() and redeliver() free them.';
comment on column postrider.endpoint_health.halted_since is 'When the first of these was halted; null if there is none.';
comment on column postrider.endpoint_health.certificate_expires_at is 'Until when its client certificate is valid; null if it has none.';
