import type { PostgresPool } from "kysely";
import { sql } from "kysely";
import { PostriderError } from "../ground/errors.ts";
import { type BacklogRow, type EndpointRow, type Queries, queriesOf, type UndeliveredRow } from "./schema.ts";

/** Endpoints that are listed: those with a backlog first, then those that need a look, then the others while there is room. */
export const ENDPOINTS_MAX = 1_000;
/** Kinds of unmatched events that are named, the most frequent ones. */
const UNMATCHED_KINDS_MAX = 5;
/** Attempts that are counted, the newest first, because status must answer in milliseconds in a busy hour, too. */
const RECENT_ATTEMPTS_MAX = 10_000;

/**
 * What `postrider status --json` prints: one JSON object of this shape. Members are added, never renamed. Times are
 * ISO 8601 in UTC, by the database's clock; ages are seconds; unknown values are null.
 */
export interface Status {
  readonly at: string;
  /** False: nothing would be delivered now, because no daemon is alive, each is kept from its work, or none may send. */
  readonly delivers: boolean;
  readonly schema_version: number;
  /** How many days after today have their partitions. */
  readonly partition_days_ahead: number;
  readonly sending: SendingStatus;
  readonly daemons: readonly DaemonStatus[];
  /** Sessions that are no daemon's and hold a lock by which daemons sleep and wake. Usually there is none. */
  readonly gate_strangers: readonly GateStranger[];
  readonly backlog: BacklogStatus;
  readonly unmatched: UnmatchedStatus;
  /** At most 1,000; those with the oldest undelivered event first. */
  readonly endpoints: readonly EndpointStatus[];
  /** The total number. */
  readonly endpoint_count: number;
}

export interface SendingStatus {
  /** False: switched off, in postrider.sending. */
  readonly is_on: boolean;
  /** Why it is off. */
  readonly reason: string | null;
  readonly changed_at: string;
  readonly changed_by: string;
  /** False: the guard was given up, and a copy of this database in another cluster may not be noticed. */
  readonly is_guarded: boolean;
  /** Why the database counts as a copy, in which no daemon works until it is adopted; null if daemons may work in it. */
  readonly copy_problem: string | null;
}

export interface DaemonStatus {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** `late`: its beat is overdue; `lost`: its lease has run out without a beat. */
  readonly state: "live" | "late" | "lost";
  /** What it reported at its last beat. */
  readonly condition: "well" | "not_recording" | "not_claiming" | "not_sending" | "blind";
  /** Null if it is well. */
  readonly condition_since: string | null;
  readonly condition_reason: string | null;
  readonly started_at: string;
  readonly beat_at: string;
  /** Requests in progress at its last beat. */
  readonly in_flight: number;
  /** First attempts waiting in its memory at its last beat. */
  readonly waiting: number;
}

/** While it holds its lock, every insert notifies (`notify`), or daemons that sleep only poll (`poll`). Nothing is lost. */
export interface GateStranger {
  /** Process id of the session, for pg_terminate_backend. */
  readonly pid: number;
  readonly role: string | null;
  readonly application_name: string | null;
  readonly effect: "notify" | "poll";
}

export interface BacklogStatus {
  /** Deliveries that wait, or are leased for a further attempt. */
  readonly pending: number;
  /** How many of them are due. */
  readonly due: number;
  /** False if an endpoint has more than the 10,000 that are counted. */
  readonly pending_is_exact: boolean;
  /** First attempts that daemons have in hand. */
  readonly first_attempts: number;
  /** Events that no daemon has claimed yet. */
  readonly unclaimed: number;
  /** False if there are more than the 10,000 that are counted. */
  readonly unclaimed_is_exact: boolean;
  /** When the oldest event was inserted that is still to be delivered. */
  readonly oldest_at: string | null;
  readonly oldest_age_seconds: number | null;
  /** Deliveries that ended without success, as long as their events are kept. */
  readonly exhausted: number;
  readonly discarded: number;
  /** False if an endpoint has more than the 10,000 that are counted. */
  readonly undelivered_is_exact: boolean;
}

/** Events of the last hour that no endpoint got. */
export interface UnmatchedStatus {
  readonly events: number;
  /** The most frequent ones, by tenant and type. */
  readonly kinds: readonly { readonly tenant: string; readonly event_type: string; readonly events: number }[];
}

export interface EndpointStatus {
  readonly id: string;
  /** Null for a deleted endpoint. */
  readonly tenant: string | null;
  /** Null if it has none, and for a deleted endpoint. */
  readonly name: string | null;
  /** Without user, password and query; null for a deleted endpoint. */
  readonly url: string | null;
  readonly state: "active" | "paused" | "disabled" | "deleted";
  readonly state_reason: string | null;
  /** Since when it keeps failing and is sent only probes; null if its circuit is closed. */
  readonly circuit_opened_at: string | null;
  /** Nothing is delivered until its receiver has `granted` its consent; null without a handshake. */
  readonly handshake_state: "wanted" | "granted" | "refused" | null;
  /** Ordering keys that an exhausted event halts, a lower bound if all endpoints have 10,000, and since when the first one. */
  readonly halted_keys: number;
  readonly halted_since: string | null;
  /** Until when its client certificate is valid; null if it has none. */
  readonly certificate_expires_at: string | null;
  /** Nothing can be fetched from it: it is a pull endpoint without a valid token. */
  readonly lacks_token: boolean;
  readonly pending: number;
  readonly due: number;
  /** False if there are more than the 10,000 that are counted. */
  readonly pending_is_exact: boolean;
  readonly oldest_at: string | null;
  readonly oldest_age_seconds: number | null;
  /** Deliveries that ended without success, as long as their events are kept. */
  readonly exhausted: number;
  readonly discarded: number;
  /** False if there are more than the 10,000 that are counted. */
  readonly undelivered_is_exact: boolean;
  /** Attempts of the last hour. */
  readonly recent_attempts: number;
  readonly recent_failures: number;
  /**
   * False if there are more than the newest 10,000 over all endpoints. Then postrider.endpoint_minute has the counts, without
   * those of the last minute or two.
   */
  readonly recent_is_exact: boolean;
}

/** Reads it all in one snapshot. Rejects with the error of the server or the link. */
export function readStatus(database: { readonly pool: PostgresPool }): Promise<Status> {
  return queriesOf(database)
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (snapshot) => {
      const { at, schema_version, endpoint_count, partition_days_ahead } = await readFigures(snapshot);
      // Not the texts that people write, which may have no form in UTF-8.
      const backlog = await snapshot
        .selectFrom("postrider.backlog")
        .select(["endpoint_id", "pending", "due", "is_exact", "oldest_at"])
        .execute();
      const undelivered = await snapshot
        .selectFrom("postrider.undelivered")
        .select(["endpoint_id", "exhausted", "discarded", "is_exact"])
        .execute();
      const withBacklog = backlog.filter(hasEndpoint).sort(byOldest).slice(0, ENDPOINTS_MAX);
      const endpoints = await readEndpoints(
        snapshot,
        withBacklog.map(({ endpoint_id }) => endpoint_id),
        undelivered.map(({ endpoint_id }) => endpoint_id),
      );
      const counts = {
        undelivered: new Map(undelivered.map((row) => [row.endpoint_id, row])),
        recent: await readRecentAttempts(snapshot),
        cares: await readCares(
          snapshot,
          endpoints.map(({ id }) => id),
        ),
      };
      const sending = await readSending(snapshot);
      const daemons = await readDaemons(snapshot);
      return {
        at: at.toISOString(),
        delivers: sending.is_on && sending.copy_problem === null && daemons.some(isWorking),
        schema_version,
        partition_days_ahead,
        sending,
        daemons,
        gate_strangers: await readGateStrangers(snapshot),
        backlog: await readBacklog(snapshot, backlog, undelivered, at),
        unmatched: await readUnmatched(snapshot),
        endpoints: listed(endpoints, withBacklog, counts, at),
        endpoint_count,
      };
    });
}

/** A late daemon may only be slow. One that hears no notification polls. */
function isWorking({ state, condition }: DaemonStatus): boolean {
  return state !== "lost" && (condition === "well" || condition === "blind");
}

/** A text that people write may have no form in UTF-8, and must not keep the rest. */
function readable(column: string) {
  return sql<string | null>`postrider_internal.readable(${sql.ref(column)})`;
}

async function readFigures(queries: Queries) {
  return queries
    .selectNoFrom([
      sql<Date>`now()`.as("at"),
      (query) =>
        query
          .selectFrom("postrider.schema_migration")
          .select(sql<number>`max(version)`.as("version"))
          .$asScalar()
          .$notNull()
          .as("schema_version"),
      (query) =>
        query
          .selectFrom("postrider.endpoint")
          .select(sql<number>`count(*)::integer`.as("count"))
          .$asScalar()
          .$notNull()
          .as("endpoint_count"),
      (query) =>
        query
          .selectFrom("pg_catalog.pg_inherits as inherits")
          .innerJoin("pg_catalog.pg_class as partition", "partition.oid", "inherits.inhrelid")
          .where("inherits.inhparent", "=", sql<string>`'postrider.other_attempt'::regclass`)
          // Of the three partitions of a day it is made last.
          .where(
            "partition.relname",
            ">",
            sql<string>`'other_attempt_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')`,
          )
          .where(sql<boolean>`partition.relname ~ '^other_attempt_[0-9]{8}$'`)
          .select(sql<number>`count(*)::integer`.as("count"))
          .$asScalar()
          .$notNull()
          .as("partition_days_ahead"),
    ])
    .executeTakeFirstOrThrow();
}

async function readSending(queries: Queries): Promise<SendingStatus> {
  const row = await queries
    .selectFrom("postrider.sending")
    .select([
      "is_on",
      readable("reason").as("reason"),
      "changed_at",
      readable("changed_by").$notNull().as("changed_by"),
    ])
    .select("is_guarded")
    .select(sql<string | null>`postrider.copy_problem()`.as("copy_problem"))
    .executeTakeFirstOrThrow(sendingUnknown);
  return { ...row, changed_at: row.changed_at.toISOString() };
}

/** In the words that the schema's functions use for daemons. */
function sendingUnknown(): PostriderError {
  return new PostriderError([
    {
      code: "PR0014",
      problem: "cannot tell whether daemons may send from this database",
      found: "postrider.sending has no row",
      remedy:
        'if they may, run "postrider adopt", which writes it; if not, insert into postrider.sending (is_on) values (false)',
    },
  ]);
}

async function readDaemons(queries: Queries): Promise<readonly DaemonStatus[]> {
  const rows = await queries
    .selectFrom("postrider.daemon_status")
    .select(["id", readable("host").$notNull().as("host"), "pid", "version", "state", "condition", "condition_since"])
    .select(readable("condition_reason").as("condition_reason"))
    .select(["started_at", "beat_at", "in_flight", "waiting"])
    // Live daemons first, and of those the ones with a condition.
    .orderBy(sql`array_position('{live,late,lost}'::text[], state)`)
    .orderBy(sql`condition = 'well'`)
    .orderBy("started_at")
    .execute();
  return rows.map((row) => ({
    ...row,
    condition_since: row.condition_since?.toISOString() ?? null,
    started_at: row.started_at.toISOString(),
    beat_at: row.beat_at.toISOString(),
  }));
}

/** Anyone who may connect can take an advisory lock. A daemon is told by what its session is for and by what it may do. */
async function readGateStrangers(queries: Queries): Promise<readonly GateStranger[]> {
  const { rows } = await sql<GateStranger>`
    select distinct on (a.pid) a.pid, postrider_internal.readable(a.usename::text) as role,
           postrider_internal.readable(a.application_name) as application_name,
           case when l.objid = 2 and l.mode = 'ExclusiveLock' then 'notify' else 'poll' end as effect
    from pg_catalog.pg_locks l
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.classid = 1886352244 and l.objsubid = 2 and l.granted
      and (l.objid = 2 and l.mode = 'ExclusiveLock' or l.objid = 4)
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
      and not coalesce(a.application_name like '%/wake' and exists (
        select from pg_catalog.pg_proc p
        where p.pronamespace = 'postrider_internal'::regnamespace and p.proname = 'beat'
          and has_function_privilege(a.usesysid, p.oid, 'execute')), false)
    order by a.pid, l.objid`.execute(queries);
  return rows;
}

type EndpointBacklog = BacklogRow & { readonly endpoint_id: string };

function hasEndpoint(row: BacklogRow): row is EndpointBacklog {
  return row.endpoint_id !== null;
}

function byOldest(one: BacklogRow, other: BacklogRow): number {
  return (
    (one.oldest_at?.getTime() ?? Number.POSITIVE_INFINITY) - (other.oldest_at?.getTime() ?? Number.POSITIVE_INFINITY)
  );
}

async function readBacklog(
  queries: Queries,
  backlog: readonly BacklogRow[],
  undelivered: readonly UndeliveredRow[],
  at: Date,
): Promise<BacklogStatus> {
  const first = await queries
    .selectFrom("postrider.in_flight")
    .where("lease_expires_at", "is", null)
    .select([
      sql<number>`count(*)::integer`.as("count"),
      sql<Date | null>`min(postrider.uuid_v7_time(event_id))`.as("oldest_at"),
    ])
    .executeTakeFirstOrThrow();
  const ofEndpoints = backlog.filter(hasEndpoint);
  const unclaimed = backlog.filter((row) => !hasEndpoint(row));
  const times = [...backlog, first].flatMap(({ oldest_at }) => (oldest_at === null ? [] : oldest_at.getTime()));
  return {
    pending: sum(ofEndpoints.map(({ pending }) => pending)),
    due: sum(ofEndpoints.map(({ due }) => due)),
    pending_is_exact: ofEndpoints.every(({ is_exact }) => is_exact),
    first_attempts: first.count,
    unclaimed: sum(unclaimed.map(({ pending }) => pending)),
    unclaimed_is_exact: unclaimed.every(({ is_exact }) => is_exact),
    ...ageOf(times.length === 0 ? null : new Date(Math.min(...times)), at),
    exhausted: sum(undelivered.map(({ exhausted }) => exhausted)),
    discarded: sum(undelivered.map(({ discarded }) => discarded)),
    undelivered_is_exact: undelivered.every(({ is_exact }) => is_exact),
  };
}

function sum(counts: readonly string[]): number {
  return counts.reduce((total, count) => total + Number(count), 0);
}

function ageOf(oldest: Date | null, at: Date) {
  return {
    oldest_at: oldest?.toISOString() ?? null,
    // Never negative, whichever clock made the event's id.
    oldest_age_seconds: oldest === null ? null : Math.max(0, (at.getTime() - oldest.getTime()) / 1000),
  };
}

async function readEndpoints(
  queries: Queries,
  withBacklog: readonly string[],
  withUndelivered: readonly string[],
): Promise<readonly EndpointRow[]> {
  return queries
    .selectFrom("postrider.endpoint")
    .select(["id", readable("tenant").$notNull().as("tenant"), readable("shown_url").as("shown_url")])
    .select(["state", readable("state_reason").as("state_reason"), "circuit_opened_at"])
    .select([readable("name").as("name"), "handshake_state"])
    .orderBy(sql`id = any (${withBacklog}::uuid[])`, "desc")
    .orderBy(sql`state = 'active' and circuit_opened_at is null and handshake_state is distinct from 'refused'`)
    .orderBy(sql`id = any (${withUndelivered}::uuid[])`, "desc")
    .orderBy("tenant")
    .orderBy("shown_url")
    .limit(ENDPOINTS_MAX)
    .execute();
}

/** What an operator must see to. */
interface Cares {
  readonly endpoint_id: string;
  readonly halted_keys: number;
  readonly halted_since: Date | null;
  readonly certificate_expires_at: Date | null;
  readonly lacks_token: boolean;
}

async function readCares(queries: Queries, endpointIds: readonly string[]): Promise<ReadonlyMap<string, Cares>> {
  const { rows } = await sql<Cares>`
    select h.endpoint_id, h.halted_keys::integer, h.halted_since, h.certificate_expires_at,
           exists (
             select from postrider.endpoint e
             where e.id = h.endpoint_id and e.kind = 'pull' and e.state <> 'disabled'
               and not exists (
                 select from postrider.pull_token t
                 where t.endpoint_id = e.id and (t.expires_at is null or t.expires_at > now()))) as lacks_token
    from postrider.endpoint_health h
    where h.endpoint_id = any (${endpointIds}::uuid[])`.execute(queries);
  return new Map(rows.map((row) => [row.endpoint_id, row]));
}

interface RecentAttempts {
  readonly endpoint_id: string;
  readonly attempts: number;
  readonly failures: number;
  readonly is_exact: boolean;
}

async function readRecentAttempts(queries: Queries): Promise<ReadonlyMap<string, RecentAttempts>> {
  const { rows } = await sql<RecentAttempts>`
    select endpoint_id, attempts::integer, failures::integer, is_exact
    from postrider_internal.count_attempts(${RECENT_ATTEMPTS_MAX})`.execute(queries);
  const counted = new Map(rows.map((row) => [row.endpoint_id, row]));
  if (rows.every(({ is_exact }) => is_exact)) {
    return counted;
  }
  const minutes = await sql<RecentAttempts>`
    select endpoint_id, sum(succeeded_first + succeeded_later + failed)::integer as attempts, sum(failed)::integer as failures,
           false as is_exact
    from postrider.endpoint_minute
    where minute > now() - interval '1 hour'
    group by endpoint_id`.execute(queries);
  for (const row of minutes.rows) {
    const { attempts = 0, failures = 0 } = counted.get(row.endpoint_id) ?? {};
    counted.set(row.endpoint_id, {
      ...row,
      attempts: Math.max(row.attempts, attempts),
      failures: Math.max(row.failures, failures),
    });
  }
  return counted;
}

async function readUnmatched(queries: Queries): Promise<UnmatchedStatus> {
  const { rows } = await sql<UnmatchedStatus["kinds"][number] & { readonly total: number }>`
    select postrider_internal.readable(tenant) as tenant, event_type, events::integer, (sum(events) over ())::integer as total
    from (
      select tenant, event_type, sum(events) as events
      from postrider.unmatched_minute
      where minute > now() - interval '1 hour'
      group by tenant, event_type) kind
    order by kind.events desc, kind.tenant, event_type
    limit ${UNMATCHED_KINDS_MAX}`.execute(queries);
  return {
    events: rows[0]?.total ?? 0,
    kinds: rows.map(({ tenant, event_type, events }) => ({ tenant, event_type, events })),
  };
}

/** What is counted for some endpoints only. */
interface Counts {
  readonly undelivered: ReadonlyMap<string, UndeliveredRow>;
  readonly recent: ReadonlyMap<string, RecentAttempts>;
  readonly cares: ReadonlyMap<string, Cares>;
}

function listed(
  endpoints: readonly EndpointRow[],
  withBacklog: readonly EndpointBacklog[],
  counts: Counts,
  at: Date,
): readonly EndpointStatus[] {
  const known = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  const waiting = withBacklog.map((row) => {
    const endpoint = known.get(row.endpoint_id);
    known.delete(row.endpoint_id);
    return endpointStatus(row.endpoint_id, endpoint, row, counts, at);
  });
  const others = [...known.values()].map((endpoint) => endpointStatus(endpoint.id, endpoint, undefined, counts, at));
  return [...waiting, ...others].slice(0, ENDPOINTS_MAX);
}

function endpointStatus(
  id: string,
  endpoint: EndpointRow | undefined,
  backlog: EndpointBacklog | undefined,
  counts: Counts,
  at: Date,
): EndpointStatus {
  const undelivered = counts.undelivered.get(id);
  const recent = counts.recent.get(id);
  const cares = counts.cares.get(id);
  return {
    id,
    tenant: endpoint?.tenant ?? null,
    name: endpoint?.name ?? null,
    url: endpoint?.shown_url ?? null,
    state: endpoint?.state ?? "deleted",
    state_reason: endpoint?.state_reason ?? null,
    circuit_opened_at: endpoint?.circuit_opened_at?.toISOString() ?? null,
    handshake_state: endpoint?.handshake_state ?? null,
    halted_keys: cares?.halted_keys ?? 0,
    halted_since: cares?.halted_since?.toISOString() ?? null,
    certificate_expires_at: cares?.certificate_expires_at?.toISOString() ?? null,
    lacks_token: cares?.lacks_token ?? false,
    pending: Number(backlog?.pending ?? 0),
    due: Number(backlog?.due ?? 0),
    pending_is_exact: backlog?.is_exact ?? true,
    ...ageOf(backlog?.oldest_at ?? null, at),
    exhausted: Number(undelivered?.exhausted ?? 0),
    discarded: Number(undelivered?.discarded ?? 0),
    undelivered_is_exact: undelivered?.is_exact ?? true,
    recent_attempts: recent?.attempts ?? 0,
    recent_failures: recent?.failures ?? 0,
    recent_is_exact: recent?.is_exact ?? true,
  };
}
