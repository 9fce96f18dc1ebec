-- grant: execute to portal

create or replace function postrider_internal.portal_reason(reason text) returns text
language sql immutable parallel safe
return case when strpos(reason, 'nothing but failures since ') > 0 then regexp_replace(reason, ', the last one: .*$', '') else reason end;
comment on function postrider_internal.portal_reason(text) is
  'What a tenant sees of why an endpoint is paused or disabled, or a delivery was discarded: without the error, see portal_error().';
