create or replace function postrider_internal.pointer_step(name text) returns text
language sql immutable parallel safe
return '/' || replace(replace(name, '~', '~0'), '/', '~1');
comment on function postrider_internal.pointer_step(text) is 'One more step of a JSON pointer (RFC 6901).';
