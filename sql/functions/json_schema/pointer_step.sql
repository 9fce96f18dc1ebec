create or replace function postrider.pointer_step(name text) returns text
language sql immutable parallel safe
return '/' || replace(replace(name, '~', '~0'), '/', '~1');
comment on function postrider.pointer_step(text) is 'A further step of a JSON pointer (RFC 6901).';
