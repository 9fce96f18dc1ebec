create or replace function postrider_internal.tally(causes text[]) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (select jsonb_object_agg(c.cause, c.attempts)
        from (select u.cause, count(*) as attempts from unnest(causes) u (cause) where u.cause is not null group by u.cause) c);
comment on function postrider_internal.tally(text[]) is 'How often each of these occurs; null if there are none.';
