/**
 * Calls the engine's SQL functions directly: short names, defaults for what a test does not care about, rows decoded
 * into values. How the daemon uses them is tested elsewhere.
 */
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";

const PAYLOAD_BYTES = 32_768;
const STARTED_MS = 1_750_000_000_000;

/** A pool, one of its connections, or a separate connection. */
export interface Session {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>>;
}

/** Opens a connection that ends with the test, which rolls back its transaction. */
export async function openSession(t: TestContext, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // Some tests disconnect a session on purpose.
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.end());
  return client;
}

export async function rowsOf<Row extends pg.QueryResultRow>(
  session: Session,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await session.query<Row>(text, values)).rows;
}

/** The first column of the first row; undefined if there is none. */
export async function askFor(session: Session, text: string, values: unknown[] = []): Promise<unknown> {
  const [row] = await rowsOf(session, text, values);
  return row === undefined ? undefined : Object.values(row)[0];
}

/** Empties every table and resets the cursor: as good as a new database, in a few milliseconds. */
export async function reset(session: Session): Promise<void> {
  await session.query(`
    delete from postrider.endpoint;
    delete from postrider.endpoint_failure;
    delete from postrider.cancellation;
    delete from postrider.outbox;
    delete from postrider.idempotency_key;
    delete from postrider.delivery;
    delete from postrider.other_attempt;
    delete from postrider.transformation;
    delete from postrider.ordered_walk;
    delete from postrider.replay;
    delete from postrider.replay_failure;
    delete from postrider.daemon;
    delete from postrider.daemon_minute;
    delete from postrider.endpoint_minute_part;
    delete from postrider.endpoint_hour_part;
    delete from postrider.endpoint_five_minutes_part;
    delete from postrider.daemon_hour_part;
    delete from postrider.unmatched_hour;
    delete from postrider.objective;
    delete from postrider.hour_cursor;
    delete from postrider.unmatched_minute_part;
    delete from postrider.ingest;
    delete from postrider.audit;
    delete from postrider.erasure;
    insert into postrider.claim (base) values ('1:1:');
    delete from postrider.claim c where c.id < (select max(n.id) from postrider.claim n)`);
}

/** Endpoints with a subscription each, past the triggers, which would take most of the time. `eventType` is SQL. */
export async function addEndpoints(session: Session, count: number, eventType: string): Promise<void> {
  await session.query(`
    begin;
    set local session_replication_role = replica;
    with added as (
      insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, ${count}) returning id)
    insert into postrider.subscription (endpoint_id, tenant, event_type) select id, '', ${eventType} from added;
    commit`);
}

/** Runs statements that empty tables which refuse it, as they did before they refused. */
export async function unguarded(session: Session, statements: string): Promise<void> {
  await session.query(`begin; set local postrider.may_empty = on; ${statements}; commit`);
}

export interface PartitionStep {
  readonly outcome: string;
  readonly partition: string;
}

/** Takes steps of making partitions until none is left or another session is in the way. */
export async function makePartitions(
  session: Session,
  ahead: string = "7 days",
  now: string | null = null,
): Promise<PartitionStep[]> {
  const steps: PartitionStep[] = [];
  for (;;) {
    const step = await stepOfPartitions(session, ahead, now);
    if (step === undefined) {
      return steps;
    }
    steps.push(step);
    if (step.outcome === "busy") {
      return steps;
    }
  }
}

/** Takes one step; undefined if nothing is left to do. */
export async function stepOfPartitions(
  session: Session,
  ahead: string = "7 days",
  now: string | null = null,
): Promise<PartitionStep | undefined> {
  const steps = await rowsOf<{ outcome: string; partition: string }>(
    session,
    "select outcome, partition_name as partition from postrider_internal.make_partitions($1, $2)",
    [ahead, now],
  );
  return steps[0];
}

export interface EventFields {
  readonly payload?: string;
  readonly tenant?: string;
  readonly deliverAt?: string;
  readonly orderingKey?: string;
}

/** A time to come that is within the retention, for events that shall wait. */
export const IN_A_WEEK = new Date(Date.now() + 7 * 86_400_000).toISOString();

/** Inserts an event as an application does; returns its id. */
export async function insertEvent(session: Session, eventType: string, fields: EventFields = {}): Promise<string> {
  const id = await askFor(
    session,
    `insert into postrider.outbox (event_type, payload, tenant, deliver_at, ordering_key) values ($1, $2, $3, $4, $5) returning id`,
    [eventType, fields.payload ?? "{}", fields.tenant ?? "", fields.deliverAt ?? null, fields.orderingKey ?? null],
  );
  return String(id);
}

/** Inserts `count` events in one statement; returns their ids in order. */
export async function insertEvents(session: Session, eventType: string, count: number): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    session,
    `with added as (
       insert into postrider.outbox (event_type, payload) select $1, '{}' from generate_series(1, $2) returning id, seq)
     select id from added order by seq`,
    [eventType, count],
  );
  return rows.map(({ id }) => id);
}

export interface EndpointFields {
  /** Default: one at which nothing listens. */
  readonly url?: string;
  readonly tenant?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly state?: "active" | "paused" | "disabled";
}

/** Makes an endpoint with a subscription for each of the types; returns its id. */
export async function createEndpoint(
  session: Session,
  eventTypes: readonly string[] = ["*"],
  fields: EndpointFields = {},
): Promise<string> {
  const id = await askFor(session, "select endpoint_id from postrider.create_endpoint($1, $2, $3, $4)", [
    fields.url ?? "http://receiver.test/",
    eventTypes,
    fields.tenant ?? "",
    JSON.stringify(fields.options ?? {}),
  ]);
  if (fields.state !== undefined && fields.state !== "active") {
    await session.query("update postrider.endpoint set state = $2 where id = $1", [id, fields.state]);
  }
  return String(id);
}

export async function subscribe(session: Session, endpointId: string, eventType: string, filter: string | null = null) {
  return String(await askFor(session, "select postrider.subscribe($1, $2, $3)", [endpointId, eventType, filter]));
}

export interface Pair {
  readonly event: string;
  readonly endpoint: string;
}

export interface ClaimedPair extends Pair {
  readonly claim: string;
  readonly eventType: string;
  readonly context: unknown;
  readonly payload: string | null;
}

export interface ClaimResult {
  readonly outcome: string;
  readonly claim: string | null;
  readonly eventCount: number;
  /** Deliveries that the claim wrote to the queue. */
  readonly queuedCount: number;
  readonly pairs: readonly ClaimedPair[];
  readonly revisions: ReadonlyMap<string, string>;
  readonly slow: Pair | null;
}

export interface ClaimOptions {
  readonly daemon?: string;
  readonly events?: number;
  /** Of transactions that are aside; as many as of all if it is left out. */
  readonly asideEvents?: number;
  readonly pairs?: number;
  readonly fanOut?: number;
  readonly payloadBytes?: number;
  /** Endpoints whose filters are not applied; null: no filter is applied. */
  readonly unjudged?: readonly string[] | null;
  /** To which events: one for each of those; to any where it is left out. */
  readonly unjudgedEvents?: readonly string[];
}

interface ClaimRow {
  readonly outcome: string;
  readonly claim_id: string | null;
  readonly event_count: number;
  readonly queued_count: number;
  readonly event_id: string;
  readonly event_type: string;
  readonly context: unknown;
  readonly payload_text: string | null;
  readonly endpoint_ids: string | null;
  readonly endpoints: string | null;
  readonly revisions: string | null;
  readonly slow_endpoint_id: string | null;
}

/** A statement that claims, with the payload also as the text that a daemon reads: node-postgres would parse it. */
function claimText(name: string): string {
  return `select c.*, c.payload::text as payload_text from (${statementText(name).trim().replace(/;$/, "")}) c`;
}

/** One call of claim_events. */
export async function claimEvents(session: Session, options: ClaimOptions = {}): Promise<ClaimResult> {
  const [head, ...rest] = await rowsOf<ClaimRow>(session, claimText("claim_events"), [
    options.daemon ?? randomUUID(),
    options.events ?? 100,
    options.asideEvents ?? options.events ?? 100,
    options.pairs ?? 1_000,
    options.fanOut ?? 200,
    options.payloadBytes ?? PAYLOAD_BYTES,
    options.unjudged === undefined ? [] : options.unjudged,
    options.unjudgedEvents ?? options.unjudged?.map(() => null) ?? [],
  ]);
  if (head === undefined) throw new Error("the claim answered nothing");
  const claim = head.claim_id;
  const endpoints = head.endpoint_ids?.split(",") ?? [];
  const revisions = head.revisions?.split(",") ?? [];
  return {
    outcome: head.outcome,
    claim,
    eventCount: head.event_count,
    queuedCount: head.queued_count,
    pairs: rest.flatMap((row) =>
      (row.endpoints ?? "").split(",").map((place) => ({
        claim: String(claim),
        event: row.event_id,
        endpoint: endpoints[Number(place)] ?? "",
        eventType: row.event_type,
        context: row.context,
        payload: row.payload_text,
      })),
    ),
    revisions: new Map(endpoints.map((id, index) => [id, revisions[index] ?? ""])),
    slow: head.slow_endpoint_id === null ? null : { event: head.event_id, endpoint: head.slow_endpoint_id },
  };
}

const CLAIMS_MAX = 10_000;

/** Claims page after page until nothing is new; returns the pairs in the order of claiming. */
export async function claimAll(session: Session, options: ClaimOptions = {}): Promise<ClaimedPair[]> {
  const pairs: ClaimedPair[] = [];
  for (let count = 0; count < CLAIMS_MAX; count++) {
    const result = await claimEvents(session, options);
    if (result.outcome === "empty") return pairs;
    pairs.push(...result.pairs);
  }
  throw new Error(`the claims did not come to an end in ${CLAIMS_MAX} pages`);
}

export interface Leased extends Pair {
  readonly attempts: number;
  readonly attemptsBefore: number;
  readonly eventType: string | null;
  readonly context: unknown;
  readonly payload: string | null;
  readonly leaseMs: number;
  /** The batch in which it goes; null if it goes alone. */
  readonly batch: string | null;
}

export interface WalkOptions {
  readonly daemon?: string;
  readonly after?: string | null;
  readonly endpoints?: number;
  readonly deliveries?: number;
  readonly share?: number;
  readonly rooms?: ReadonlyMap<string, number>;
  readonly marginMs?: number;
  readonly payloadBytes?: number;
}

export interface WalkResult {
  readonly leased: readonly Leased[];
  readonly place: string | null;
  readonly nextDueMs: number | null;
}

interface WalkRow {
  readonly event_id: string | null;
  readonly endpoint_id: string | null;
  readonly attempts: number;
  readonly attempts_before: number;
  readonly event_type: string | null;
  readonly context: unknown;
  readonly payload_text: string | null;
  readonly lease_ms: number;
  readonly batch_id: string | null;
  readonly next_due_ms: string | null;
}

/** One call of claim_deliveries. */
export async function walk(session: Session, options: WalkOptions = {}): Promise<WalkResult> {
  const rooms = options.rooms ?? new Map<string, number>();
  const rows = await rowsOf<WalkRow>(session, claimText("claim_deliveries"), [
    options.daemon ?? randomUUID(),
    options.after ?? null,
    options.endpoints ?? 100,
    options.deliveries ?? 100,
    options.share ?? 10,
    [...rooms.keys()],
    [...rooms.values()],
    options.marginMs ?? 15_000,
    options.payloadBytes ?? PAYLOAD_BYTES,
  ]);
  const last = rows.at(-1);
  const leased: Leased[] = [];
  for (const row of rows) {
    if (row.event_id === null || row.endpoint_id === null) continue;
    leased.push({
      event: row.event_id,
      endpoint: row.endpoint_id,
      attempts: row.attempts,
      attemptsBefore: row.attempts_before,
      eventType: row.event_type,
      context: row.context,
      payload: row.payload_text,
      leaseMs: row.lease_ms,
      batch: row.batch_id,
    });
  }
  return {
    leased,
    place: last?.endpoint_id ?? null,
    nextDueMs: last?.next_due_ms == null ? null : Number(last.next_due_ms),
  };
}

export interface ResultFields {
  /** Null if no request was made. */
  readonly attempt?: string | null;
  readonly attempts?: number;
  readonly outcome?: "succeeded" | "pending" | "exhausted" | "discarded";
  readonly status?: number;
  readonly requests?: number;
  readonly wait?: number;
  readonly reason?: string;
  /** The batch in which it was sent. */
  readonly batch?: string | null;
  readonly leavesBatch?: boolean;
  /** Unix time. */
  readonly startedMs?: number;
}

/** One result, as the columns of record_results have it. */
export interface RecordedResult {
  readonly event: string;
  readonly endpoint: string;
  readonly claim: string | null;
  readonly attempts: number;
  readonly attempt: string | null;
  readonly status: number | null;
  /** Null for one. */
  readonly requests: number | null;
  /** Of the endpoint. */
  readonly revision: string | null;
  readonly kind: string | null;
  readonly error: string | null;
  readonly headers: string | null;
  readonly body: string | null;
  readonly state: string;
  readonly wait: number | null;
  readonly reason: string | null;
  readonly batch: string | null;
  readonly leavesBatch: boolean;
  readonly startedMs: number;
}

/** A success by default. */
export function resultOf(pair: Pair & { readonly claim?: string }, fields: ResultFields = {}): RecordedResult {
  const state = fields.outcome ?? "succeeded";
  const attempt = fields.attempt === undefined ? randomUUID() : fields.attempt;
  const isFailed = attempt !== null && state !== "succeeded";
  return {
    event: pair.event,
    endpoint: pair.endpoint,
    claim: pair.claim ?? null,
    attempts: fields.attempts ?? 0,
    attempt,
    status: attempt === null ? null : (fields.status ?? (isFailed ? 500 : 200)),
    requests: fields.requests ?? null,
    revision: attempt === null ? null : "1",
    kind: isFailed ? "status" : null,
    error: isFailed ? "the receiver answered 500" : null,
    headers: null,
    body: null,
    state,
    wait: state === "pending" ? (fields.wait ?? 60_000) : null,
    reason: fields.reason ?? null,
    batch: fields.batch ?? null,
    leavesBatch: fields.leavesBatch ?? false,
    startedMs: fields.startedMs ?? STARTED_MS,
  };
}

export interface Results {
  /** First attempts from memory; or else: */
  readonly first?: readonly RecordedResult[];
  /** leased deliveries. */
  readonly later?: readonly RecordedResult[];
  /** Whether some of them may be recorded already. */
  readonly isRepeat?: boolean;
  readonly finished?: readonly string[];
  /** Of each finished claim; null, and so in doubt, by default. */
  readonly epochs?: readonly string[];
  readonly gone?: readonly string[];
}

const DURATION_MS = 12;

interface CircuitChange {
  readonly change: string;
  readonly endpoint_id: string;
  readonly next_probe_ms?: number;
}

export interface Recorded {
  /** Finished claims that stay. */
  readonly kept_claims: readonly string[];
  /** Which results were not decided, from 1. */
  readonly locked: readonly number[] | null;
  /** In which it was recorded. */
  readonly epoch: string;
  /** What was done to circuits. */
  readonly circuits: readonly CircuitChange[] | null;
}

/** One call of record_results; returns the finished claims that stay. */
export async function recordResults(session: Session, daemon: string, results: Results): Promise<readonly string[]> {
  const { kept_claims, locked } = await recordAll(session, daemon, results);
  if (locked !== null) throw new Error(`the results ${locked} were not decided`);
  return kept_claims;
}

/** One call of record_results. */
export async function recordAll(session: Session, daemon: string, results: Results): Promise<Recorded> {
  const rows = results.first ?? results.later ?? [];
  const column = <Value>(pick: (row: RecordedResult) => Value): Value[] => rows.map(pick);
  const [row] = await rowsOf<Recorded>(session, statementText("record_results"), [
    daemon,
    results.later === undefined,
    results.isRepeat ?? false,
    column(({ event }) => event),
    column(({ endpoint }) => endpoint),
    column(({ claim }) => claim),
    column(({ attempts }) => attempts),
    column(({ attempt }) => attempt),
    column(({ attempt, startedMs }) => (attempt === null ? null : startedMs)),
    column(({ attempt }) => (attempt === null ? null : DURATION_MS)),
    column(({ status }) => status),
    column(({ requests }) => requests),
    column(({ revision }) => revision),
    rows.every(({ batch }) => batch === null) ? null : column(({ batch }) => batch),
    column(({ kind }) => kind),
    column(({ error }) => error),
    column(({ headers }) => headers),
    column(({ body }) => body),
    column(({ state }) => state),
    column(({ wait }) => wait),
    column(({ reason }) => reason),
    rows.flatMap(({ leavesBatch }, at) => (leavesBatch ? [at + 1] : [])),
    [...new Set(rows.flatMap(({ claim }) => (claim === null ? [] : [claim])))],
    results.finished ?? [],
    results.epochs ?? [],
    results.gone ?? [],
  ]);
  if (row === undefined) throw new Error("the recording answered nothing");
  return row;
}

export interface TakenOver {
  readonly claim: string;
  readonly formerDaemon: string;
  readonly pairs: readonly ClaimedPair[];
  readonly revisions: ReadonlyMap<string, string>;
}

interface TakeOverRow {
  readonly claim_id: string;
  readonly former_daemon_id: string;
  readonly event_id: string | null;
  readonly event_type: string;
  readonly context: unknown;
  readonly payload_text: string | null;
  readonly endpoint_ids: string | null;
  readonly endpoint_id: string | null;
  readonly revision: string | null;
}

/** One call of take_over_claim; null if there was no claim to take over. */
export async function takeOverClaim(
  session: Session,
  daemon: string,
  known: readonly string[] = [],
): Promise<TakenOver | null> {
  const rows = await rowsOf<TakeOverRow>(session, claimText("take_over_claim"), [daemon, known, PAYLOAD_BYTES]);
  const [first] = rows;
  if (first === undefined) return null;
  return {
    claim: first.claim_id,
    formerDaemon: first.former_daemon_id,
    pairs: rows.flatMap((row) =>
      row.event_id === null
        ? []
        : (row.endpoint_ids ?? "").split(",").map((endpoint) => ({
            claim: row.claim_id,
            event: String(row.event_id),
            endpoint,
            eventType: row.event_type,
            context: row.context,
            payload: row.payload_text,
          })),
    ),
    revisions: new Map(
      rows.flatMap((row) => (row.endpoint_id === null ? [] : [[row.endpoint_id, row.revision ?? ""] as const])),
    ),
  };
}

/** Registers a daemon with a lease of that length from now; negative for one whose lease has ended. */
export async function beat(session: Session, daemon: string, leaseMs = 60_000): Promise<void> {
  await session.query("select postrider_internal.beat($1, 'host.test', 42, '0.0.0', $2, 0, 0)", [daemon, leaseMs]);
}

export interface DeliveryRow {
  readonly event: string;
  readonly endpoint: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly attemptsBefore: number;
  readonly leasedBy: string | null;
  /** Seconds until the next attempt, by the database's clock; null for a finished delivery. */
  readonly dueInSeconds: number | null;
}

/** The rows of postrider.delivery, by event and endpoint. */
export function deliveries(session: Session): Promise<DeliveryRow[]> {
  return rowsOf<DeliveryRow>(
    session,
    `select event_id as event, endpoint_id as endpoint, state, reason, attempts, attempts_before as "attemptsBefore",
            leased_by as "leasedBy", extract(epoch from next_attempt_at - now())::float8 as "dueInSeconds"
     from postrider.delivery order by event_id, endpoint_id`,
  );
}

/** Adds a pending delivery of a new event; returns the event. */
export async function addPending(session: Session, endpointId: string, due = "now()"): Promise<string> {
  const event = await insertEvent(session, "queue.filled");
  await session.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', ${due})`,
    [event, endpointId],
  );
  return event;
}

const DEADLINE_MS = 60_000;
const LOOK_AGAIN_MS = 5;

/** Looks until the condition holds; after the deadline it fails and says what it waited for. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  while (!(await holds())) {
    if (signal.aborted) throw new Error(`waited in vain for ${what}`);
    await delay(LOOK_AGAIN_MS);
  }
}

/** Resolves when that session waits for a lock. */
export function waitsForLock(session: Session, pid: number): Promise<void> {
  return eventually(`session ${pid} to wait for a lock`, async () => {
    const type = await askFor(session, "select wait_event_type from pg_stat_activity where pid = $1", [pid]);
    return type === "Lock";
  });
}

/** Whether a daemon sleeps and inserts therefore notify. */
export async function isGateHeld(session: Session): Promise<boolean> {
  const holders = await askFor(
    session,
    `select count(*) from pg_locks where locktype = 'advisory' and classid = 1886352244 and objid = 2 and mode = 'ExclusiveLock'
       and granted and database = (select oid from pg_database where datname = current_database())`,
  );
  return Number(holders) > 0;
}

export async function pidOf(session: Session): Promise<number> {
  return Number(await askFor(session, "select pg_backend_pid()"));
}

/** Runs `use` in one transaction of the session, and rolls it back if `use` throws. */
export async function inTransaction<Result>(session: Session, use: () => Promise<Result>): Promise<Result> {
  await session.query("begin");
  try {
    const result = await use();
    await session.query("commit");
    return result;
  } catch (thrown) {
    await session.query("rollback");
    throw thrown;
  }
}

/** The events of pairs, in order. */
export function eventsOf(pairs: readonly Pair[]): string[] {
  return pairs.map(({ event }) => event);
}
