create or replace function postrider_internal.endpoint_judging() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Where Postgres refuses a row by a check, the error shows the whole row, and the server's log keeps it: the values of the
-- headers, the query of the URL. So all of them are asked here first; a test holds
-- the two together. As a query over pg_constraint it took 1.6 ms an endpoint.
declare
  problem constant text := postrider_internal.header_problem(new.headers);
  broken_check text;
  missing_column text;
begin
  if problem is not null then
    raise exception '%', problem
      using errcode = 'check_violation', constraint = 'headers are names and texts that HTTP allows',
        schema = 'postrider', table = 'endpoint', column = 'headers',
        hint = 'headers is an object of names and texts, such as {"authorization": "Bearer ..."}.';
  end if;
  if new.url ~* '^https?://[^/?#]*@' then
    raise exception 'the url has a user or a password in it'
      using errcode = 'check_violation', constraint = 'url has no user and no password',
        schema = 'postrider', table = 'endpoint', column = 'url',
        hint = 'Everybody who may look at an endpoint would see it. Put it into headers, as authorization.';
  end if;
  missing_column := case
    when new.id is null then 'id' when new.tenant is null then 'tenant' when new.url is null then 'url'
    when new.format is null then 'format' when new.timeout_ms is null then 'timeout_ms'
    when new.retry_schedule is null then 'retry_schedule' when new.headers is null then 'headers'
    when new.state is null then 'state' when new.state_changed_at is null then 'state_changed_at'
    when new.revision is null then 'revision' when new.created_at is null then 'created_at'
    when new.updated_at is null then 'updated_at' end;
  broken_check := case
    when not new.disable_after between interval '1 minute' and interval '1 year' then 'disable_after is between 1 minute and 1 year'
    when new.format not in ('standard', 'raw') then 'format is standard or raw'
    when jsonb_typeof(new.headers) <> 'object' then 'headers is a JSON object'
    when cardinality(new.retry_schedule) > 50 or not postrider_internal.are_retry_waits(new.retry_schedule)
      then 'retry_schedule has at most 50 steps of 1 ms to 30 days'
    when new.state not in ('active', 'paused', 'disabled') then 'state is active, paused or disabled'
    when length(new.tenant) > 255 then 'tenant has at most 255 characters'
    when new.timeout_ms not between 100 and 120000 then 'timeout_ms is between 100 and 120000'
    when new.url !~* '^https?://[^[:space:][:cntrl:]]+$' or length(new.url) > 2048
      then 'url is http or https, without blanks, at most 2048 long'
    when new.url ~ '[#\\]' then 'url has no fragment and no backslash'
    when new.url !~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'
      then 'url has a host, and if any a port of 1 to 65535' end;
  if missing_column is not null then
    raise exception 'null value in column "%" of relation "endpoint" violates not-null constraint', missing_column
      using errcode = 'not_null_violation', schema = 'postrider', table = 'endpoint', column = missing_column;
  end if;
  if broken_check is not null then
    raise exception 'new row for relation "endpoint" violates check constraint "%"', broken_check
      using errcode = 'check_violation', constraint = broken_check, schema = 'postrider', table = 'endpoint';
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_judging() is 'Refuses what the table''s constraints refuse, without showing the row: headers and URL may hold what is secret.';

create or replace trigger endpoint_judging before insert or update of tenant, url, format, timeout_ms, retry_schedule, headers, disable_after, state
  on postrider.endpoint for each row execute function postrider_internal.endpoint_judging();
comment on trigger endpoint_judging on postrider.endpoint is 'Refuses bad values, without showing the others.';
