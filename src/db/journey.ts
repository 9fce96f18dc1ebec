import type { PostgresPool } from "kysely";
import { sql } from "kysely";
import { type Queries, queriesOf } from "./schema.ts";

/**
 * What `postrider explain --json` prints. Members are added, never renamed. Times are ISO 8601 in UTC; unknown values are
 * null.
 */
export type Journey = EventJourney | MissingEvent;

export interface EventJourney {
  readonly kind: "event";
  readonly event: JourneyEvent;
  /** Those that have a delivery first. A single one without an id if the event's tenant has no endpoint. */
  readonly endpoints: readonly EndpointJourney[];
  /** What people did to the event or to one of its deliveries, the oldest first. */
  readonly acts: readonly Act[];
}

export interface JourneyEvent {
  readonly id: string;
  readonly event_type: string;
  readonly tenant: string;
  readonly ordering_key: string | null;
  readonly idempotency_key: string | null;
  readonly created_at: string;
  readonly deliver_at: string | null;
  readonly erased_at: string | null;
}

export interface EndpointJourney {
  readonly endpoint_id: string | null;
  readonly name: string | null;
  readonly url: string | null;
  readonly endpoint_state: string | null;
  /** The delivery's detail, as in postrider.delivery_status; `not matched` or `not claimed` without one. */
  readonly outcome: string;
  readonly explanation: string;
  readonly would_match_now: boolean;
  readonly now_explanation: string;
  /** The oldest first; at most 1,000. */
  readonly attempts: readonly JourneyAttempt[];
}

export interface JourneyAttempt {
  readonly attempt_number: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly error: string | null;
  readonly daemon_id: string;
}

export interface Act {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly endpoint_id: string | null;
  readonly reason: string | null;
}

/** No transaction that can be seen has inserted it, or it is past its retention. */
export interface MissingEvent {
  readonly kind: "missing";
  readonly id: string;
  /** What the id says; null if it is no UUID version 7. */
  readonly made_at: string | null;
  readonly is_past_retention: boolean;
  /** How long events are kept, as Postgres writes it. */
  readonly retention: string;
  /** Transactions of this database that were open just before the look, and may have inserted it. */
  readonly open_transactions: number;
}

const ATTEMPTS_MAX = 1_000;

/** For the role postrider_operator. Rejects with the error of the server or the link. */
export async function readJourney(database: { readonly pool: PostgresPool }, id: string): Promise<Journey> {
  const queries = queriesOf(database);
  // Counted before the snapshot: a transaction that ends in between is then seen by one of the two looks.
  const openTransactions = await countOpenTransactions(queries);
  return queries
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (snapshot) => {
      const event = await readEvent(snapshot, id);
      if (event === null) {
        return { ...(await readAbsence(snapshot, id)), kind: "missing", id, open_transactions: openTransactions };
      }
      const explained = await readExplained(snapshot, id);
      const attempts = await readAttempts(snapshot, id);
      const endpoints = explained.map((row) => ({ ...row, attempts: attempts.get(row.endpoint_id) ?? [] }));
      return { kind: "event", event, endpoints, acts: await readActs(snapshot, id) };
    });
}

/** Every transaction that has written anything holds a lock of its own id, a prepared one as well; any role may see that. */
async function countOpenTransactions(queries: Queries): Promise<number> {
  const { rows } = await sql<{ readonly count: number }>`
    select count(*)::integer as count
    from pg_catalog.pg_locks l
    left join pg_catalog.pg_stat_activity a on a.pid = l.pid
    left join pg_catalog.pg_prepared_xacts p on l.pid is null and p.transaction = l.transactionid
    where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
      and coalesce(a.datname, p.database) = current_database()`.execute(queries);
  return rows[0]?.count ?? 0;
}

async function readEvent(queries: Queries, id: string): Promise<JourneyEvent | null> {
  const { rows } = await sql<WithDates<JourneyEvent>>`
    select o.id, postrider_internal.readable(o.event_type) as event_type, postrider_internal.readable(o.tenant) as tenant,
           postrider_internal.readable(o.ordering_key) as ordering_key,
           postrider_internal.readable(o.idempotency_key) as idempotency_key, o.created_at, o.deliver_at, o.erased_at
    from postrider.outbox o
    where o.id = ${id}`.execute(queries);
  const [row] = rows;
  if (row === undefined) {
    return null;
  }
  const { created_at, deliver_at, erased_at } = row;
  return {
    ...row,
    created_at: created_at.toISOString(),
    deliver_at: deliver_at?.toISOString() ?? null,
    erased_at: erased_at?.toISOString() ?? null,
  };
}

/** A row as the driver gives it, whose times are ISO texts in the result. */
type WithDates<Row> = {
  readonly [Name in keyof Row]: Name extends `${string}_at` | "at" ? Date | Extract<Row[Name], null> : Row[Name];
};

async function readAbsence(queries: Queries, id: string) {
  const { rows } = await sql<WithDates<Pick<MissingEvent, "made_at" | "is_past_retention" | "retention">>>`
    select t.made_at, r.period::text as retention, coalesce(t.made_at < now() - r.period, false) as is_past_retention
    from (select postrider.uuid_v7_time(${id})) t (made_at)
    cross join (
      select coalesce((select period from postrider.retention), interval '30 days')) r (period)`.execute(queries);
  const [row] = rows;
  if (row === undefined) {
    throw new Error("a query without tables answered without a row");
  }
  return { ...row, made_at: row.made_at?.toISOString() ?? null };
}

async function readExplained(queries: Queries, id: string) {
  const { rows } = await sql<Omit<EndpointJourney, "attempts">>`
    select x.endpoint_id, postrider_internal.readable(x.name) as name, postrider_internal.readable(x.url) as url,
           x.endpoint_state, x.outcome, postrider_internal.readable(x.explanation) as explanation, x.would_match_now,
           postrider_internal.readable(x.now_explanation) as now_explanation
    from postrider.explain_event(${id}) x`.execute(queries);
  return rows;
}

async function readAttempts(
  queries: Queries,
  id: string,
): Promise<ReadonlyMap<string | null, readonly JourneyAttempt[]>> {
  const { rows } = await sql<WithDates<JourneyAttempt> & { readonly endpoint_id: string }>`
    select n.endpoint_id, n.attempt_number, n.started_at, n.duration_ms, n.http_status, n.failure_kind::text,
           postrider_internal.readable(n.error) as error, n.daemon_id
    from (
      select a.endpoint_id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error,
             a.daemon_id, row_number() over (partition by a.endpoint_id order by a.started_at desc) as place
      from postrider.attempt a
      where a.event_id = ${id}) n
    where n.place <= ${ATTEMPTS_MAX}
    order by n.started_at, n.attempt_number`.execute(queries);
  return Map.groupBy(
    rows.map(({ started_at, ...row }) => ({ ...row, started_at: started_at.toISOString() })),
    ({ endpoint_id }) => endpoint_id,
  );
}

async function readActs(queries: Queries, id: string): Promise<readonly Act[]> {
  const { rows } = await sql<WithDates<Act>>`
    select a.at, postrider_internal.readable(a.actor) as actor, a.action, a.endpoint_id,
           postrider_internal.readable(a.detail ->> 'reason') as reason
    from postrider.audit a
    where a.event_id = ${id}
    order by a.at, a.id`.execute(queries);
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}
