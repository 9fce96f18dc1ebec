-- Changes settings of an endpoint; those that are left out stay.
-- $1 endpoint, $2 the settings, $3 only if this is its revision
update postrider.endpoint e
set (name, description, url, format, ordered, when_exhausted, batch_size, batch_delay_ms, max_in_flight, rate_limit, rate_burst,
     timeout_ms, retry_schedule, retry_on, give_up_on, headers, signing, encryption_key, auth, client_certificate, inline_limit,
     handshake, disable_after, payload, payload_fallback) = (
  select n.name, n.description, n.url, n.format, n.ordered, n.when_exhausted, n.batch_size, n.batch_delay_ms, n.max_in_flight,
         n.rate_limit, n.rate_burst, n.timeout_ms, n.retry_schedule, n.retry_on, n.give_up_on, n.headers, n.signing,
         n.encryption_key, n.auth, n.client_certificate, n.inline_limit, n.handshake, n.disable_after, n.payload, n.payload_fallback
  from jsonb_populate_record(e, $2::jsonb) n)
where e.id = $1::uuid and ($3::bigint is null or e.revision = $3);
