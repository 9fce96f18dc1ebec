-- grant: execute to daemon

create or replace function postrider_internal.find_fetchable(endpoint_ids uuid[], after_cursors text[]) returns table (place integer)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- What another receiver was given has a place, and is not acknowledged. It is news to whoever waits before that place.
begin
  return query
    select u.place::integer
    from unnest(endpoint_ids, after_cursors) with ordinality u (id, after_cursor, place)
    left join postrider.endpoint e on e.id = u.id
    left join postrider.pull_position p on p.endpoint_id = u.id
    where e.id is null or e.state = 'disabled'
      or e.state = 'active' and (select s.is_on from postrider.sending s where s.is_row) and (
        postrider_internal.has_unplaced(u.id, coalesce(p.acknowledged_place, 0))
        or postrider_internal.has_placed(u.id, postrider_internal.cursor_place(p.cursor_key, u.id, u.after_cursor)));
end
$$;
comment on function postrider_internal.find_fetchable(uuid[], text[]) is
  'Which of these pull endpoints, by their places in the list, have an answer for a receiver that waits behind the cursor beside it: something is due, or has been given to another receiver, or the endpoint was disabled or deleted.';
