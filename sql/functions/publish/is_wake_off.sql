-- grant: execute to publisher

create or replace function postrider_internal.is_wake_off() returns boolean
language sql stable
-- What Postgres reads as false. "set local" leaves an empty text behind; null matches nothing and costs nothing.
return coalesce(nullif(current_setting('postrider.wake', true), '') ~* '^\s*(off?|f|fa|fal|fals|false|no?|0)\s*$', false);
comment on function postrider_internal.is_wake_off() is
  'Whether the setting postrider.wake is off: any of the words that Postgres takes for false, in capitals or not.';
