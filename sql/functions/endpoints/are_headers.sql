-- grant: execute to operator

create or replace function postrider_internal.are_headers(headers jsonb) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- It raises an error instead of returning false, because the error must name the header and must not show its value.
-- A value that is not an object passes: another check of the domain refuses it. Lower case by the collation C, because a
-- Turkish one makes another letter of I. What the sender sets is the same as in src/http/request.ts; a test compares.
declare
  name text;
  value jsonb;
  plain_name text;
  length_total integer := 0;
  problem text;
  advice text;
begin
  for name, value in
    select h.key, h.value from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h order by h.key
  loop
    plain_name := lower(name collate "C");
    length_total := length_total + length(name) + length(value #>> '{}');
    advice := 'headers is an object of names and texts, such as {"authorization": "Bearer ..."}.';
    if name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' then
      problem := 'has no name that HTTP allows: letters, digits and hyphens';
    elsif jsonb_typeof(value) <> 'string' then
      problem := format('has a value that is not a string but of the type %s', jsonb_typeof(value));
    elsif postrider_internal.is_path(value #>> '{}') then
      begin
        if postrider_internal.gives_list(postrider_internal.parse_path(value #>> '{}')) then
          problem := 'has a path that may give a list, and a header has one value';
          advice := 'Pick one value: [0] is the first one, [last] the last one.';
        end if;
      exception when check_violation then
        get stacked diagnostics advice = pg_exception_hint;
        problem := 'begins with a dollar sign, and is no path that can be used';
      end;
    -- With a line break in it, a value could forge another header, or a whole request.
    elsif value #>> '{}' ~ E'[^ -~\t]' then
      problem := 'has a value with a line break or a character outside of ASCII';
    elsif value #>> '{}' ~ E'^[ \t]|[ \t]$' then
      problem := 'has a value with a blank at its beginning or end';
    elsif plain_name = 'host' then
      problem := 'is set by the sender alone';
      advice := 'Leave it out: the host is that of url.';
    elsif plain_name ~ '^(connection|content-length|expect|http2-settings|keep-alive|te|trailer|transfer-encoding|upgrade)$' then
      problem := 'is set by the sender alone';
      advice := 'Leave it out: it belongs to the connection and the length of each request.';
    elsif plain_name = 'content-encoding' then
      problem := 'would say what is not so';
      advice := 'Leave it out: no body is compressed.';
    elsif plain_name ~ '^proxy-' then
      problem := 'is for a proxy, and does not reach the receiver';
      advice := 'Leave it out. What the receiver asks for goes into authorization.';
    elsif plain_name ~ '^(webhook|postrider|ce)-' then
      problem := 'is set by the sender alone';
      advice := 'Leave it out: webhook-... signs the request, postrider-... and ce-... describe the event. Another name will do.';
    elsif plain_name in ('traceparent', 'tracestate') then
      problem := 'is set by the sender alone';
      advice := 'Leave it out, and give it with each event: attributes => ''{"traceparent": "..."}''.';
    elsif exists (select from jsonb_object_keys(headers) o where o <> name and lower(o collate "C") = plain_name) then
      problem := 'is there in two spellings, and HTTP does not tell them apart';
      advice := 'Keep one of them.';
    elsif length_total > 8192 then
      problem := 'makes the headers longer than 8192 characters, which most receivers refuse';
      advice := 'Put what is so long into the payload.';
    end if;
    if problem is not null then
      raise exception 'the header % %', to_json(name), problem
        using errcode = 'check_violation', constraint = 'headers are names and texts that HTTP allows',
          schema = 'postrider', table = 'endpoint', column = 'headers', hint = advice;
    end if;
  end loop;
  return true;
end
$$;
comment on function postrider_internal.are_headers(jsonb) is
  'True if these request headers can be sent. Otherwise it raises an error that names the first bad one, without its value.';
