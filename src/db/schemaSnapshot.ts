import type { Connection } from "./connect.ts";

/**
 * Writes down the schemas `postrider` and `postrider_internal` as they are in a database: sql/schema.sql, which a reader can take in and a review
 * can compare. It is made from the catalogue by Postgres's own format functions, and is for reading, not for running.
 *
 * The bodies of functions and views are left out, because they are in sql/functions. The text is the same on every server
 * from 15 to 18, regardless of the schema's owner and the session's settings: where a server makes ids by its own uuidv7(),
 * our function is named. Partitions are left out, except default ones, because their names are dates.
 */
export async function schemaSnapshot(client: Connection): Promise<string> {
  await client.query("begin isolation level repeatable read read only");
  try {
    await client.query(SETTINGS);
    const sections: string[] = [];
    for (const { title, text } of SECTIONS) {
      const { rows } = await client.query<{ definition: string }>(text);
      if (rows.length > 0) {
        sections.push(`-- ${title}\n`, ...rows.map(({ definition }) => `${definition.trimEnd()};\n`));
      }
    }
    return sections.join("\n");
  } finally {
    await client.query("rollback");
  }
}

/** Each decides how an expression or a name is written. */
const SETTINGS = `
  set local search_path = pg_catalog;
  set local quote_all_identifiers = off;
  set local timezone = 'UTC';
  set local datestyle = 'ISO';
  set local intervalstyle = 'postgres';
  set local extra_float_digits = 1;
  set local bytea_output = 'hex'`;

interface Section {
  readonly title: string;
  /** A query of one column, `definition`, in the order to print. */
  readonly text: string;
}

/** What is written down: our relations, without those of extensions and dated partitions. */
const RELATION = `
  relation as (
    select oid, relname, relkind, relowner, relacl, relpersistence, relam, reloptions, reltoastrelid, relispartition,
      relrowsecurity, relforcerowsecurity, oid::regclass::text as identity
    from pg_class
    where relnamespace = 'postrider'::regnamespace
      and (not relispartition or pg_get_expr(relpartbound, oid) = 'DEFAULT')
      and not exists (
        select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')
  )`;

const ROUTINE = `
  routine as (
    select oid, proowner, proacl, prokind, prosecdef, oid::regproc::text as name, oid::regprocedure::text as identity
    from pg_proc
    where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)
      and not exists (
        select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
  )`;

/** Types that were created as types. Each table has one too, which is left out. */
const TYPE = `
  type as (
    select oid, typname, typtype, typbasetype, typtypmod, typnotnull, typdefault, typowner, typacl,
      oid::regtype::text as identity
    from pg_type
    where typnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)
      and (typtype in ('e', 'd', 'r')
        or typtype = 'c' and exists (select from pg_class where oid = typrelid and relkind = 'c'))
  )`;

const SECTIONS: readonly Section[] = [
  {
    title: "Schemas",
    text: `
      select 'create schema ' || nspname as definition from pg_namespace
      where nspname in ('postrider', 'postrider_internal') order by nspname`,
  },
  {
    title: "Types",
    text: `
      with ${TYPE}
      select case typtype
        when 'e' then format('create type %s as enum (%s)', identity, (
          select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder)
          from pg_enum where enumtypid = type.oid))
        when 'c' then format('create type %s as (%s)', identity, (
          select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
          from pg_attribute
          where attrelid = (select typrelid from pg_type where pg_type.oid = type.oid)
            and attnum > 0 and not attisdropped))
        when 'd' then concat(format('create domain %s as %s', identity, format_type(typbasetype, typtypmod)),
          ' default ' || typdefault, case when typnotnull then ' not null' end, (
          select string_agg(format(E'\\n  constraint %I %s', conname, pg_get_constraintdef(oid)), '' order by conname)
          from pg_constraint where contypid = type.oid and contype = 'c'))
        else format('create type %s as range', identity)
      end as definition
      from type
      order by typname collate "C"`,
  },
  {
    title: "Sequences, those of identity columns included",
    text: `
      with ${RELATION}
      select format('create sequence %s as %s start %s increment %s minvalue %s maxvalue %s cache %s%s',
        identity, format_type(seqtypid, null), seqstart, seqincrement, seqmin, seqmax, seqcache,
        case when seqcycle then ' cycle' else '' end) as definition
      from relation join pg_sequence on seqrelid = relation.oid
      order by relname collate "C"`,
  },
  {
    title: "Tables",
    text: `
      with ${RELATION},
      line as (
        select attrelid as relation, 1 as part, attnum::integer as place, '' as name,
          concat_ws(' ', format('%I', attname), format_type(atttypid, atttypmod),
            case when attcollation not in (0, typcollation) then 'collate ' || attcollation::regcollation end,
            case when attnotnull then 'not null' end,
            case
              when attgenerated = 's' then format('generated always as (%s) stored', pg_get_expr(adbin, adrelid))
              when attgenerated <> '' then format('generated always as (%s) virtual', pg_get_expr(adbin, adrelid))
              when attidentity = 'a' then 'generated always as identity'
              when attidentity = 'd' then 'generated by default as identity'
              when adbin is not null then 'default ' || regexp_replace(pg_get_expr(adbin, adrelid), '^uuidv7', 'postrider.uuid_v7')
            end,
            case when attstorage <> typstorage then format('storage %s', case attstorage
              when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end) end,
            case when attcompression <> '' then format('compression %s',
              case attcompression when 'l' then 'lz4' else 'pglz' end) end,
            case when attstattarget >= 0 then format('statistics %s', attstattarget) end,
            case when attoptions is not null then format('options (%s)', array_to_string(attoptions, ', ')) end
          ) as text
        from pg_attribute
        join pg_type on pg_type.oid = atttypid
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attnum > 0 and not attisdropped
          and attrelid in (select oid from relation where relkind in ('r', 'p') and not relispartition)
        union all
        select conrelid, 2, array_position('{p,u,x,f,c}', contype::text), conname,
          format('constraint %I %s', conname, pg_get_constraintdef(oid))
        from pg_constraint
        where contype in ('p', 'u', 'x', 'f', 'c') and conislocal and conparentid = 0
      )
      select concat(
        case when relpersistence = 'u' then 'create unlogged table ' else 'create table ' end, identity,
        case when relispartition then
          ' partition of ' || (select inhparent::regclass from pg_inherits where inhrelid = relation.oid) || ' default'
        end,
        (select format(E' (\\n  %s\\n)', string_agg(text, E',\\n  ' order by part, place, name collate "C"))
         from line where line.relation = relation.oid having count(*) > 0),
        case when relkind = 'p' then ' partition by ' || pg_get_partkeydef(oid) end,
        case when relkind = 'r' then (select nullif(' using ' || amname, ' using heap') from pg_am where oid = relam) end,
        ' with (' || nullif(concat_ws(', ', array_to_string(reloptions, ', '), (
          select string_agg('toast.' || option, ', ')
          from pg_class as toast, unnest(toast.reloptions) as option
          where toast.oid = reltoastrelid)), '') || ')',
        case when relrowsecurity then ' row level security' end,
        case when relforcerowsecurity then ' forced' end
      ) as definition
      from relation
      where relkind in ('r', 'p')
      order by relname collate "C"`,
  },
  {
    title: "Indexes that no constraint brings along",
    text: `
      with ${RELATION}
      select concat(pg_get_indexdef(indexrelid), case when not indisvalid then ' invalid' end) as definition
      from pg_index
      join relation on relation.oid = indexrelid
      where not relispartition
        and indrelid in (select oid from relation)
        and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
      order by relname collate "C"`,
  },
  {
    title: "Extended statistics",
    text: `
      select pg_get_statisticsobjdef(oid) as definition
      from pg_statistic_ext
      where stxnamespace = 'postrider'::regnamespace
      order by stxname collate "C"`,
  },
  {
    title: "Views",
    text: `
      with ${RELATION}
      select format('create %s %s (%s)%s', case relkind when 'm' then 'materialized view' else 'view' end,
        identity,
        (select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
         from pg_attribute where attrelid = relation.oid and attnum > 0 and not attisdropped),
        coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')) as definition
      from relation
      where relkind in ('v', 'm')
      order by relname collate "C"`,
  },
  {
    title: "Functions",
    text: `
      with ${ROUTINE}
      select concat('create ', case prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end, name,
        '(', pg_get_function_arguments(oid), ')', ' returns ' || pg_get_function_result(oid),
        case when prosecdef then ' security definer' end) as definition
      from routine
      order by identity collate "C"`,
  },
  {
    title: "Triggers",
    text: `
      with ${RELATION}
      select concat(pg_get_triggerdef(pg_trigger.oid), case tgenabled
        when 'D' then ' disabled' when 'R' then ' replica' when 'A' then ' always' end) as definition
      from pg_trigger
      join relation on relation.oid = tgrelid
      where not tgisinternal and tgparentid = 0
      order by relname collate "C", tgname collate "C"`,
  },
  {
    title: "Row level security",
    text: `
      select format('create policy %I on %I.%I as %s for %s to %s%s%s', policyname, schemaname, tablename,
        lower(permissive), lower(cmd), array_to_string(roles, ', '),
        ' using (' || qual || ')', ' with check (' || with_check || ')') as definition
      from pg_policies
      where schemaname = 'postrider'
      order by tablename collate "C", policyname collate "C"`,
  },
  {
    title: "Comments",
    text: `
      with ${RELATION}, ${ROUTINE}, ${TYPE},
      object as (
        select 1 as part, 'pg_namespace'::regclass as class, oid
        from pg_namespace where nspname in ('postrider', 'postrider_internal')
        union all
        select 2, 'pg_class'::regclass, oid from relation
        union all
        select 3, 'pg_constraint'::regclass, oid from pg_constraint where conrelid in (select oid from relation)
        union all
        select 4, 'pg_type'::regclass, oid from type
        union all
        select 5, 'pg_proc'::regclass, oid from routine
        union all
        select 6, 'pg_trigger'::regclass, oid from pg_trigger where tgrelid in (select oid from relation)
      )
      select format('comment on %s %s is %L', regexp_replace(named.type, '^.* (column|constraint)$', '\\1'),
        case part when 5 then objoid::regprocedure::text else named.identity end, description) as definition
      from pg_description
      join object on object.class = classoid and object.oid = objoid
      cross join lateral pg_identify_object(classoid, objoid, objsubid) as named
      order by part, pg_describe_object(classoid, objoid, 0) collate "C", objsubid`,
  },
  {
    // The owner's privileges are left out: it has all, and their list grows with Postgres, as MAINTAIN (17) shows.
    title: "Grants to others than the owner",
    text: `
      with ${RELATION}, ${ROUTINE}, ${TYPE},
      access as (
        select 1 as part, 'schema ' || nspname as object, nspowner as owner,
          coalesce(nspacl, acldefault('n', nspowner)) as list, null as column_name
        from pg_namespace where nspname in ('postrider', 'postrider_internal')
        union all
        select 2, case relkind when 'S' then 'sequence ' else 'table ' end || identity, relowner,
          coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner)), null
        from relation where relkind in ('r', 'p', 'v', 'm', 'S')
        union all
        select 2, 'table ' || identity, relowner, attacl, attname
        from relation join pg_attribute on attrelid = relation.oid and attacl is not null
        union all
        select 3, 'type ' || identity, typowner, coalesce(typacl, acldefault('T', typowner)), null from type
        union all
        select 4, case prokind when 'p' then 'procedure ' else 'function ' end || identity, proowner,
          coalesce(proacl, acldefault('f', proowner)), null
        from routine
      ),
      privilege as (
        select part, object, entry.grantee, entry.is_grantable, lower(entry.privilege_type) as privilege,
          string_agg(quote_ident(column_name), ', ' order by column_name collate "C") as columns
        from access cross join lateral aclexplode(list) as entry
        where entry.grantee <> owner and entry.privilege_type <> 'MAINTAIN'
        group by part, object, entry.grantee, entry.is_grantable, entry.privilege_type, column_name is null
      )
      select format('grant %s on %s to %s%s',
        string_agg(privilege || coalesce(' (' || columns || ')', ''), ', '
          order by privilege collate "C", columns collate "C"),
        object, case grantee when 0 then 'public' else grantee::regrole::text end,
        case when is_grantable then ' with grant option' else '' end) as definition
      from privilege
      group by part, object, grantee, is_grantable
      order by part, object collate "C", 1`,
  },
];
