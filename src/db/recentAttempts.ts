import type { PostgresPool } from "kysely";
import { sql } from "kysely";
import { type Queries, queriesOf } from "./schema.ts";

/** Identifies an attempt; `failed` says how it ended without reading it. */
export interface AttemptKey {
  readonly id: string;
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly failed: boolean;
  readonly started_at: Date;
}

/** What `postrider tail --json` prints, one a line. Members are added, never renamed. Times are ISO 8601 in UTC. */
export interface RecentAttempt {
  readonly id: string;
  readonly event_id: string;
  /** Null if the event is past its retention. */
  readonly event_type: string | null;
  readonly tenant: string | null;
  readonly endpoint_id: string;
  /** Null if the endpoint has no name, or was deleted. */
  readonly name: string | null;
  readonly url: string | null;
  readonly attempt_number: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly error: string | null;
  /** What became of the delivery with it; pending if another attempt follows. */
  readonly state: "succeeded" | "pending" | "exhausted" | "discarded";
  readonly next_attempt_at: string | null;
}

/** Of each of the two tables. A look reads no more rows, however much was recorded. */
export const KEYS_MAX = 2_000;
/** How long after its start an attempt may be recorded and still be seen: after the longest timeout, and a short outage. */
const RECORDED_WITHIN = "10 minutes";

/** The latest attempts, at most KEYS_MAX of first successes and as many of the others. For the role postrider_reader. */
export async function findRecentAttempts(database: { readonly pool: PostgresPool }): Promise<readonly AttemptKey[]> {
  const queries = queriesOf(database);
  return [...(await findFirstSuccesses(queries)), ...(await findOthers(queries))];
}

/**
 * They are found by the ids of their events, because no index has the time of a first success. What was recorded last is
 * near the newest id that has a delivery, also while a backlog of older events is being sent.
 */
async function findFirstSuccesses(queries: Queries): Promise<readonly AttemptKey[]> {
  const { rows } = await sql<AttemptKey>`
    with newest as (
      select d.event_id from postrider.delivery d order by d.event_id desc limit 1
    ), since as (
      select postrider.uuid_v7_floor(
        least(now(), coalesce((select postrider.uuid_v7_time(n.event_id) from newest n), now())) - ${RECORDED_WITHIN}::interval) as event_id
    ), recent as (
      select d.first_attempt_id as id, d.event_id, d.endpoint_id, d.first_started_at as started_at
      from postrider.delivery d
      where d.event_id >= (select s.event_id from since s)
      order by d.event_id desc, d.endpoint_id desc
      limit ${KEYS_MAX}
    )
    select r.id, r.event_id, r.endpoint_id, false as failed, r.started_at from recent r where r.id is not null`.execute(
    queries,
  );
  return rows;
}

async function findOthers(queries: Queries): Promise<readonly AttemptKey[]> {
  const { rows } = await sql<AttemptKey>`
    select a.id, a.event_id, a.endpoint_id, a.failure_kind is not null as failed, a.started_at
    from postrider.other_attempt a
    where a.started_at > now() - ${RECORDED_WITHIN}::interval
    order by a.started_at desc
    limit ${KEYS_MAX}`.execute(queries);
  return rows;
}

/** Each is looked up in four tables, and a statement is to read no more than some thousand pages. */
export const LOADED_MAX = 60;

/** These attempts in the order in which they ended, of events that a pattern of types matches; null for all types. */
export async function loadAttempts(
  database: { readonly pool: PostgresPool },
  keys: readonly AttemptKey[],
  pattern: string | null,
): Promise<readonly RecentAttempt[]> {
  return loadLatest(database, keys, { pattern, count: Number.POSITIVE_INFINITY });
}

/** As many of the latest of them, or a few more. */
export async function loadLatest(
  database: { readonly pool: PostgresPool },
  keys: readonly AttemptKey[],
  { pattern, count }: { readonly pattern: string | null; readonly count: number },
): Promise<readonly RecentAttempt[]> {
  const left = keys.toSorted((one, other) => one.started_at.getTime() - other.started_at.getTime());
  const loaded: RecentAttempt[] = [];
  while (left.length > 0 && loaded.length < count) {
    loaded.push(...(await loadSome(database, left.splice(-LOADED_MAX), pattern)));
  }
  return loaded.sort((one, other) => endOf(one) - endOf(other) || (one.id < other.id ? -1 : 1));
}

function endOf({ started_at, duration_ms }: RecentAttempt): number {
  return Date.parse(started_at) + duration_ms;
}

async function loadSome(
  database: { readonly pool: PostgresPool },
  keys: readonly AttemptKey[],
  pattern: string | null,
): Promise<readonly RecentAttempt[]> {
  const column = (name: keyof AttemptKey) => keys.map((key) => key[name]);
  const { rows } = await sql<Loaded>`
    select a.id, a.event_id, postrider_internal.readable(o.event_type) as event_type,
           postrider_internal.readable(o.tenant) as tenant, a.endpoint_id, postrider_internal.readable(e.name) as name,
           postrider_internal.readable(e.shown_url) as url, a.attempt_number, a.started_at, a.duration_ms, a.http_status,
           a.failure_kind::text, postrider_internal.readable(a.error) as error,
           case when a.failure_kind is null then 'succeeded' when d.attempts = a.attempt_number then d.state else 'pending' end as state,
           case when d.attempts = a.attempt_number and d.leased_by is null then d.next_attempt_at end as next_attempt_at
    from unnest(${column("id")}::uuid[], ${column("event_id")}::uuid[], ${column("endpoint_id")}::uuid[]) k (id, event_id, endpoint_id)
    cross join lateral (
      select t.id, t.event_id, t.endpoint_id, t.attempt_number, t.started_at, t.duration_ms, t.http_status, t.failure_kind, t.error
      from (
        select a.id, a.event_id, a.endpoint_id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
        from postrider.attempt a
        where a.event_id = k.event_id and a.endpoint_id = k.endpoint_id
        offset 0) t -- one probe a key: as a join it would be hashed, and every attempt there is read for that
      where t.id = k.id) a
    left join lateral (select o.event_type, o.tenant from postrider.outbox o where o.id = k.event_id offset 0) o on true
    left join postrider.endpoint e on e.id = k.endpoint_id
    left join lateral (
      select d.attempts, d.state, d.leased_by, d.next_attempt_at from postrider.delivery d
      where d.event_id = k.event_id and d.endpoint_id = k.endpoint_id
      offset 0) d on true
    where ${pattern}::text is null or ${pattern} = any (postrider_internal.event_type_patterns(o.event_type))`.execute(
    queriesOf(database),
  );
  return rows.map((row) => ({
    ...row,
    started_at: row.started_at.toISOString(),
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
  }));
}

type Loaded = Omit<RecentAttempt, "started_at" | "next_attempt_at"> & {
  readonly started_at: Date;
  readonly next_attempt_at: Date | null;
};

export interface NamedEndpoint {
  readonly id: string;
  readonly name: string | null;
}

/** The endpoints with this id or this name, in every tenant. */
export async function findEndpoints(
  database: { readonly pool: PostgresPool },
  idOrName: string,
): Promise<readonly NamedEndpoint[]> {
  const { rows } = await sql<NamedEndpoint>`
    select e.id, e.name::text from postrider.endpoint e where e.id::text = lower(${idOrName}) or e.name = ${idOrName}`.execute(
    queriesOf(database),
  );
  return rows;
}

/** For a near miss. */
export async function endpointNames(database: { readonly pool: PostgresPool }): Promise<readonly string[]> {
  const { rows } = await sql<{ readonly name: string }>`
    select distinct postrider_internal.readable(e.name) as name from postrider.endpoint e where e.name is not null order by 1 limit 1000`.execute(
    queriesOf(database),
  );
  return rows.map(({ name }) => name);
}
