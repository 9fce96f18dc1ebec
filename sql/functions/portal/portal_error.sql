-- grant: execute to portal

create or replace function postrider_internal.portal_error(failure_kind text, error text) returns text
language sql immutable parallel safe
return case
  when failure_kind in ('status', 'timeout', 'connect', 'tls', 'reset', 'protocol') then error
  when failure_kind = 'blocked' then 'events are not sent to this address'
  when failure_kind = 'dns' then 'the name of the host leads to no address'
  when failure_kind is not null then 'it could not be sent'
end;
comment on function postrider_internal.portal_error(text, text) is
  'What a tenant sees of an error. What name resolution, the egress policy, the proxy and the credentials said stays with operators: it may name what is inside their network.';
