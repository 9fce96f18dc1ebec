create or replace function postrider_internal.note_gone(lower_bound uuid, upper_bound uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
-- Called before the deliveries of these events are removed, under a short lock_timeout. What is pending stays, so nothing is
-- gone that was not acknowledged. But a replay that was cancelled leaves what had arrived before at places that were not
-- acknowledged. Among them others wait, and whoever went on behind them would pass these.
begin
  update postrider.pull_position p
  set gone_place = g.place
  from (
    select q.endpoint_id, (
      select d.pull_place
      from postrider.delivery d
      where d.endpoint_id = q.endpoint_id and d.pull_place is not null and d.pull_place <= q.acknowledged_place and d.state = 'succeeded'
        and d.event_id between lower_bound and upper_bound
      order by d.pull_place desc
      limit 1) as place
    from postrider.pull_position q) g
  where p.endpoint_id = g.endpoint_id and p.gone_place < g.place;
end
$$;
comment on function postrider_internal.note_gone(uuid, uuid) is
  'Notes for each pull endpoint how far what it was given is gone, once events with an id in this range are removed.';
