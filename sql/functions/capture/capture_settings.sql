-- grant: execute to publisher

create or replace function postrider_internal.capture_settings(expressions text, search_path text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Each costs a row 0.2 us, and the language of to_char() and to_tsvector() 1.5 us: what only some expressions read is
  -- set for those alone. timezone_abbreviations is never set, because that reads files, in 140 us.
  select concat_ws(' set', 'set search_path = ' || search_path,
    ' timezone = ''UTC''', ' datestyle = ''ISO, MDY''', ' intervalstyle = postgres', ' bytea_output = hex',
    ' extra_float_digits = 1', ' quote_all_identifiers = off', format(' lc_monetary = %L', current_setting('lc_monetary')),
    case when position(E'\\' in expressions) > 0 then ' standard_conforming_strings = on set backslash_quote = safe_encoding' end,
    case when expressions ~* 'null' then ' transform_null_equals = off' end,
    case when expressions ~* '[[{]|array' then ' array_nulls = on' end,
    case when expressions ~* 'xml' then ' xmlbinary = base64 set xmloption = content' end,
    case when expressions ~* '[[:<:]]to_' then format(' lc_numeric = %L set lc_time = %L', current_setting('lc_numeric'), current_setting('lc_time')) end,
    -- to_tsvector(), websearch_to_tsquery() and the like, ts_headline(), and text @@ text, which calls the first.
    case when expressions ~* '_ts(query|vector)|ts_headline|@@' then format(' default_text_search_config = %L', current_setting('default_text_search_config')) end)
$$;
comment on function postrider_internal.capture_settings(text, text) is
  'The settings with which the function of a capture works: all that decide what a value looks like as text, how a text is read as a value, and how an expression is read. So the session that changes a row does not show in the event. Currency and language are those of the session that captures.';
