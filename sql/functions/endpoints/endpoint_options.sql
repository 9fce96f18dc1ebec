-- grant: execute to operator

create or replace function postrider_internal.endpoint_options() returns table (name text, is_secret boolean)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('name', false),
    ('description', false),
    ('kind', false),
    ('format', false),
    ('ordered', false),
    ('when_exhausted', false),
    ('batch_size', false),
    ('batch_delay_ms', false),
    ('max_in_flight', false),
    ('rate_limit', false),
    ('rate_burst', false),
    ('timeout_ms', false),
    ('retry_schedule', false),
    ('retry_on', false),
    ('give_up_on', false),
    ('headers', true),
    ('signing', false),
    ('encryption_key', false),
    ('auth', true),
    ('client_certificate', true),
    ('inline_limit', false),
    ('handshake', false),
    ('disable_after', false),
    ('payload', false),
    ('payload_fallback', false)
$$;
comment on function postrider_internal.endpoint_options() is
  'The columns of postrider.endpoint that create_endpoint() takes as options and operators may write. Readers do not see those that are secret, and neither errors nor the audit show their values.';
