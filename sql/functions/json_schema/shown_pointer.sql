create or replace function postrider_internal.shown_pointer(pointer text) returns text
language sql immutable parallel safe
-- Names of properties come from outside; as JSON, none of them can break a line of a log.
return to_json(case when length(pointer) <= 200 then pointer else left(pointer, 100) || '...' || right(pointer, 99) end)::text;
comment on function postrider_internal.shown_pointer(text) is 'A JSON pointer as it is shown: quoted, and of bounded length.';
