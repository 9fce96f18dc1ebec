-- Makes room for the view postrider.ingest_position, which shows publishers their own ingests.
-- locks: postrider.ingest_position, for a moment
-- breaking: no
--
-- Row level security would do it without a second name, but pg_dump refuses a table with it unless the role may bypass it.

alter table postrider.ingest_position rename to ingest;
alter table postrider.ingest rename constraint ingest_position_pkey to ingest_pkey;
comment on table postrider.ingest is
  'How far each "postrider ingest" has read, written with the events. One row for each followed file, and one for each run that reads its input, while it runs. Publishers read the view postrider.ingest_position.';

-- A site's own roles that read the table read the view too, once the migration has made it.
do $grants$
begin
  perform set_config('postrider.kept_grants', (
    select coalesce(nullif(current_setting('postrider.kept_grants', true), '')::jsonb, '[]')
           || coalesce(jsonb_agg(format('grant select on table postrider.ingest_position to %s', a.grantee::regrole)), '[]')
    from pg_class c
    cross join aclexplode(c.relacl) a
    where c.oid = 'postrider.ingest'::regclass and a.privilege_type = 'SELECT' and a.grantee not in (0, c.relowner))::text, false);
end
$grants$;
