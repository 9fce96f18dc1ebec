create or replace function postrider_internal.endpoint_batching() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- A check of the table would show the row, with the values of its headers; a domain sees one column alone.
begin
  if new.batch_size > 1 and new.format not in ('standard', 'cloudevents') then
    raise exception 'the format % cannot be batched, and batch_size is %', new.format, new.batch_size
      using errcode = 'check_violation', constraint = 'batch_size above 1 needs a format that can be batched',
        schema = 'postrider', table = 'endpoint', column = 'batch_size',
        hint = 'Set batch_size to 1, or format to standard or cloudevents.';
  end if;
  if new.batch_size > 1 and new.ordered then
    raise exception 'an ordered endpoint gets no batches, and batch_size is %', new.batch_size
      using errcode = 'check_violation', constraint = 'an ordered endpoint gets no batches',
        schema = 'postrider', table = 'endpoint', column = 'ordered',
        hint = 'Set batch_size to 1, or ordered to false.';
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_batching() is 'Refuses batches in a format that has none, and to an endpoint that is ordered.';

create or replace trigger endpoint_batching before insert or update of format, batch_size, ordered on postrider.endpoint
  for each row execute function postrider_internal.endpoint_batching();
comment on trigger endpoint_batching on postrider.endpoint is 'Refuses batches in a format that has none, and to an endpoint that is ordered.';
