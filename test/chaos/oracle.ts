import type pg from "pg";
import { judgeCircuits, type OpenTime } from "./circuits.ts";
import { IN_HAND_MAX, REQUESTS_MAX } from "./daemonSlot.ts";
import { type EndpointPlan, type EventFacts, REFUSAL } from "./endpoints.ts";
import { CRASHED_AT, type ExecutedFault, type Redelivery, STOPPED_CLEANLY, type World } from "./faults.ts";
import { judgeOrder, type KeyedEvent } from "./order.ts";
import { type ChaosReceiver, isAccepted, type ReceivedRequest } from "./receiver.ts";
import { FAULTS } from "./schedule.ts";
import type { WrittenEvent } from "./writers.ts";

/**
 * Knows what was committed and what arrived, and reports the differences. Call it when the faults are over and all is
 * quiet: it reads the outbox, the deliveries and the attempts once, and compares them with the writers' notes and the
 * receiver's log.
 */

export interface Evidence {
  readonly world: World;
  readonly written: readonly WrittenEvent[];
  readonly faults: readonly ExecutedFault[];
  /** By the faults, and by the operator of halted keys. */
  readonly redeliveries: readonly Redelivery[];
  /** By event and endpoint: when an operator passed over it for the first time. */
  readonly passedOverAt: ReadonlyMap<string, number>;
  readonly openTimes: readonly OpenTime[];
}

export interface Findings {
  readonly violations: readonly string[];
  readonly counts: {
    readonly events: number;
    readonly deliveries: number;
    readonly requests: number;
    readonly attemptRows: number;
    readonly rolledBack: number;
    readonly unknown: number;
    readonly unknownCommitted: number;
    readonly volatile: number;
    readonly volatileLost: number;
    readonly redeliveries: number;
    /** Spans of time in which a circuit was open and nothing else was wrong, so that its requests could be counted. */
    readonly circuits: number;
    /** Deliveries of events with a key to ordered endpoints. */
    readonly ordered: number;
    /** Events that halted their keys and were passed over, and such as were sent again. */
    readonly passedOver: number;
    readonly takenAfterAll: number;
  };
  readonly duplicates: Duplicates;
  /** From the commit to the first 2xx. */
  readonly latencyMs: { readonly median: number; readonly p99: number; readonly max: number };
}

export interface Duplicates {
  /** 2xx answers beyond the first of a pair and beyond its redeliveries. */
  readonly total: number;
  /** The daemon did not read all of the first answer; its attempt has no status or was cut short. */
  readonly answerLost: number;
  /** A 2xx without an attempt row, because its daemon could not record it. */
  readonly unrecorded: number;
  /** Both were recorded: two daemons sent it, one of them after losing its lease unnoticed or by taking over. */
  readonly sentTwice: number;
  /** The most there can be of those two. */
  readonly bound: number;
}

interface OutboxRow extends EventFacts, KeyedEvent {
  readonly number: number;
}

interface DeliveryRow {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly halts: boolean | null;
}

interface AttemptRow {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly attempt_number: number;
  readonly http_status: number | null;
  readonly failure_kind: string | null;
  readonly started_ms: number;
  readonly duration_ms: number;
}

/** At most this many examples of each kind of violation are reported. */
const EXAMPLES_MAX = 5;

/** Lost with synchronous_commit off: three rounds of the WAL writer, plus what a busy machine adds. */
const CRASH_LOSES_MS = 1_500;
/** How long a flush takes without faults, on a busy machine. */
const UNRECORDED_MS = 1_000;
/** The longest pause before a flush is tried again, and the longest wait for one that will never be answered. */
const FLUSH_RETRY_MS = 8_000;
const FLUSH_LOST_MS = 16_000;
const LEASE_MS = 15_000;

export async function judge(evidence: Evidence, session: pg.Pool): Promise<Findings> {
  const outbox = await readOutbox(session);
  const verdict = new Verdict();
  const byId = new Map(outbox.map((row) => [row.id, row]));
  judgeOutbox(verdict, outbox, evidence.written);
  const deliveries = await readDeliveries(session);
  const attempts = Map.groupBy(await readAttempts(session), pairKey);
  const redeliveries = Map.groupBy(evidence.redeliveries, ({ eventId, endpointId }) => `${eventId} ${endpointId}`);
  // The commit time of the others is unknown. Those left prepared are committed at the end of the run.
  const known = evidence.written.filter(({ outcome }) => outcome === "committed" || outcome === "volatile");
  const committedAt = new Map(known.map(({ number, endedAtMs }) => [number, endedAtMs]));
  const latencies: number[] = [];
  const tally = { answerLost: 0, unrecorded: 0, sentTwice: 0 };
  let expectedPairs = 0;
  let ordered = 0;
  let passedOver = 0;
  let takenAfterAll = 0;
  const deliveryByPair = new Map(deliveries.map((row) => [pairKey(row), row]));

  for (const route of evidence.world.routes) {
    const { path, matches } = route.plan;
    const requests = evidence.world.receiver.requests(path);
    judgeLimits(verdict, route.plan, evidence.world.receiver);
    if (route.plan.isOrdered) {
      const keyed = outbox.filter((event) => event.key !== null && matches(event));
      ordered += keyed.length;
      const passedOverAtMs = (eventId: string) => evidence.passedOverAt.get(`${eventId} ${route.id}`);
      for (const overtaking of judgeOrder(keyed, requests, passedOverAtMs)) {
        verdict.add("sent before an earlier event of its key was accepted", `${path}: ${overtaking}`);
      }
    }
    for (const eventId of requests.keys()) {
      const event = byId.get(eventId);
      if (event === undefined) {
        verdict.add("sent, and never committed", `${path} ${eventId}`);
      } else if (!matches(event)) {
        verdict.add("sent where it does not match", `${path} ${eventId} ${event.eventType} ${event.tenant}`);
      }
    }
    for (const event of outbox.filter(matches)) {
      expectedPairs += 1;
      const key = `${event.id} ${route.id}`;
      const seen = requests.get(event.id) ?? [];
      const accepted = seen.filter(isAccepted);
      const rows = attempts.get(key) ?? [];
      const again = (redeliveries.get(key) ?? []).filter(({ isForHalt }) => !isForHalt);
      const delivery = deliveryByPair.get(key);
      if (accepted[0] === undefined && isPassedOver(delivery, evidence)) {
        passedOver += 1;
        judgeAttempts(verdict, `${path} ${event.id}`, { seen, rows, delivery });
        continue;
      }
      if (accepted[0] === undefined) {
        verdict.add(
          "committed, and not delivered",
          `${path} ${event.id}: ${seen.length} requests, ${stateOf(delivery)}`,
        );
        continue;
      }
      const committedAtMs = committedAt.get(event.number);
      if (committedAtMs !== undefined) {
        latencies.push(Math.max(0, (accepted[0].answeredAtMs ?? 0) - committedAtMs));
      }
      if (delivery?.state !== "succeeded") {
        verdict.add("delivered, and not recorded as such", `${path} ${event.id}: ${stateOf(delivery)}`);
      }
      judgeAttempts(verdict, `${path} ${event.id}`, { seen, rows, delivery });
      takenAfterAll += seen.some(({ status }) => status === REFUSAL) ? 1 : 0;
      for (const { atMs, isCertain } of again) {
        if (isCertain && !accepted.some((request) => request.atMs >= atMs)) {
          verdict.add("redelivered, and not sent again", `${path} ${event.id}`);
        }
      }
      countRepeats(tally, accepted.length - 1 - again.length, rows);
    }
  }
  for (const delivery of deliveries) {
    const event = byId.get(delivery.event_id);
    const route = evidence.world.routes.find(({ id }) => id === delivery.endpoint_id);
    if (event === undefined || route === undefined || !route.plan.matches(event)) {
      verdict.add("a delivery that should not be", pairKey(delivery));
    }
  }
  for (const rejection of evidence.world.receiver.rejected) {
    verdict.add("a request that was not signed as it should be", rejection);
  }

  const circuits = judgeCircuits(evidence);
  for (const excess of circuits.excesses) {
    verdict.add("more requests through an open circuit than its probes", excess);
  }
  const duplicates = boundDuplicates(evidence, tally);
  if (duplicates.unrecorded + duplicates.sentTwice > duplicates.bound) {
    verdict.add("more duplicates than can have been in flight", JSON.stringify(duplicates));
  }
  const count = (outcome: string): number => evidence.written.filter((event) => event.outcome === outcome).length;
  const present = new Set(outbox.map(({ number }) => number));
  const countPresent = (outcome: string): number =>
    evidence.written.filter((event) => event.outcome === outcome && present.has(event.number)).length;
  latencies.sort((a, b) => a - b);
  return {
    violations: verdict.sentences(),
    counts: {
      events: outbox.length,
      deliveries: expectedPairs,
      requests: evidence.world.receiver.requestCount,
      attemptRows: [...attempts.values()].reduce((sum, rows) => sum + rows.length, 0),
      rolledBack: count("rolled_back"),
      unknown: count("unknown"),
      unknownCommitted: countPresent("unknown"),
      volatile: count("volatile"),
      volatileLost: count("volatile") - countPresent("volatile"),
      redeliveries: evidence.redeliveries.length,
      circuits: circuits.judged,
      ordered,
      passedOver,
      takenAfterAll,
    },
    duplicates,
    latencyMs: {
      median: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      max: quantile(latencies, 1),
    },
  };
}

/** A request begins a second after it was counted for the rate at the latest, unless its daemon freezes while it connects. */
function judgeLimits(verdict: Verdict, { path, limits }: EndpointPlan, receiver: ChaosReceiver): void {
  if (limits === undefined) {
    return;
  }
  if ("max_in_flight" in limits) {
    const most = receiver.mostInProgress(path);
    if (most > limits.max_in_flight) {
      verdict.add("more requests in progress than the endpoint may have", `${path}: ${most}`);
    }
    return;
  }
  const { rate_limit, rate_burst } = limits;
  const arrivals = [...receiver.requests(path).values()].flat().map(({ atMs }) => atMs);
  let spentUntilMs = 0;
  for (const atMs of arrivals.sort((a, b) => a - b)) {
    spentUntilMs = Math.max(spentUntilMs, atMs) + 1_000 / rate_limit;
    const over = ((spentUntilMs - atMs) / 1_000) * rate_limit - rate_burst;
    if (over > rate_limit + rate_burst) {
      verdict.add("more requests than the endpoint's rate allows", `${path}: ${over} too many at ${atMs}`);
    }
  }
}

/** What is left in Postgres once every daemon has stopped cleanly. */
export async function judgeRest(session: pg.Pool): Promise<readonly string[]> {
  const verdict = new Verdict();
  const { rows: claims } = await session.query<{ id: string; pairs: number; target: string | null }>(
    "select id, cardinality(event_ids) as pairs, target::text from postrider.claim order by id",
  );
  for (const { id, pairs } of claims.filter(({ pairs }) => pairs > 0)) {
    verdict.add("a claim with pairs is left", `${id}: ${pairs} pairs`);
  }
  if (claims.length !== 1) {
    verdict.add("claims besides the cursor are left", claims.map(({ id }) => id).join(", "));
  }
  const { rows: daemons } = await session.query<{ id: string; pid: number }>(
    "select id, pid from postrider.daemon where lease_expires_at > now()",
  );
  for (const { id, pid } of daemons) {
    verdict.add("a daemon that has stopped is still held to be live", `${id} (pid ${pid})`);
  }
  return verdict.sentences();
}

class Verdict {
  readonly #found = new Map<string, string[]>();

  add(sort: string, example: string): void {
    const examples = this.#found.get(sort);
    if (examples === undefined) {
      this.#found.set(sort, [example]);
    } else {
      examples.push(example);
    }
  }

  sentences(): string[] {
    return [...this.#found].map(
      ([sort, examples]) => `${sort} (${examples.length}): ${examples.slice(0, EXAMPLES_MAX).join("; ")}`,
    );
  }
}

function judgeOutbox(verdict: Verdict, outbox: readonly OutboxRow[], written: readonly WrittenEvent[]): void {
  const present = new Map(outbox.map((row) => [row.number, row]));
  if (present.size !== outbox.length) {
    verdict.add("an event is in the outbox twice", String(outbox.length - present.size));
  }
  for (const event of written) {
    const row = present.get(event.number);
    if (event.outcome === "committed" && row === undefined) {
      verdict.add("committed, and gone from the outbox", String(event.number));
    }
    if (event.outcome === "rolled_back" && row !== undefined) {
      verdict.add("rolled back, and in the outbox", String(event.number));
    }
  }
}

/** It was refused, halted its key, and an operator decided that the receiver can do without it. */
function isPassedOver(delivery: DeliveryRow | undefined, { passedOverAt }: Evidence): boolean {
  return delivery?.state === "exhausted" && delivery.halts === null && passedOverAt.has(pairKey(delivery));
}

interface PairEvidence {
  readonly seen: readonly ReceivedRequest[];
  readonly rows: readonly AttemptRow[];
  readonly delivery: DeliveryRow | undefined;
}

/** Every record is true, and the attempt that decided the delivery is recorded. */
function judgeAttempts(verdict: Verdict, name: string, { seen, rows, delivery }: PairEvidence): void {
  const answered = Map.groupBy(seen, ({ status }) => status ?? 0);
  for (const [status, told] of Map.groupBy(rows, ({ http_status }) => http_status ?? 0)) {
    if (status !== 0 && told.length > (answered.get(status)?.length ?? 0)) {
      verdict.add("more attempts than answers of that status", `${name}: ${told.length} of ${status}`);
    }
  }
  // A request that was reset or timed out may never have come out of a proxy; one with a status has.
  for (const row of rows) {
    const isSuccess = row.failure_kind === null;
    if (isSuccess !== (row.http_status === 200) && !isCutShort(row)) {
      verdict.add("an attempt whose status and result differ", `${name}: ${row.http_status} ${row.failure_kind}`);
    }
    if (row.failure_kind === "blocked" || row.failure_kind === "dns" || row.failure_kind === "tls") {
      verdict.add("an attempt failed in a way that nothing here gives cause for", `${name}: ${row.failure_kind}`);
    }
  }
  if (delivery === undefined) {
    return;
  }
  const numbers = new Set(rows.map(({ attempt_number }) => attempt_number));
  const missing = Array.from({ length: delivery.attempts }, (_, index) => index + 1).filter((n) => !numbers.has(n));
  if (missing.length > 0) {
    verdict.add("a delivery counts attempts that are not recorded", `${name}: ${missing} of ${delivery.attempts}`);
  }
  if (Math.max(0, ...numbers) > delivery.attempts) {
    verdict.add("an attempt is numbered beyond its delivery", `${name}: ${[...numbers]} of ${delivery.attempts}`);
  }
  if (delivery.state === "succeeded" && !rows.some(({ failure_kind }) => failure_kind === null)) {
    verdict.add("a success without a successful attempt", name);
  }
}

/** The connection ended behind the status and before the end of the answer: the attempt failed, as the daemon sees it. */
function isCutShort({ http_status, failure_kind }: AttemptRow): boolean {
  return http_status === 200 && (failure_kind === "reset" || failure_kind === "timeout");
}

function countRepeats(
  tally: { answerLost: number; unrecorded: number; sentTwice: number },
  repeats: number,
  rows: readonly AttemptRow[],
): void {
  let left = Math.max(0, repeats);
  const take = (most: number): number => {
    const taken = Math.min(left, Math.max(0, most));
    left -= taken;
    return taken;
  };
  tally.answerLost += take(rows.filter((row) => row.http_status === null || isCutShort(row)).length);
  const succeeded = rows.filter(({ failure_kind }) => failure_kind === null).length;
  tally.sentTwice += take(succeeded - 1);
  tally.unrecorded += take(Number.POSITIVE_INFINITY);
}

/**
 * The most accepted requests that may have been sent again: for each daemon that was killed or lost its lease, its
 * unrecorded results; for each crash of Postgres, the records of its last second. Every other fault only delays
 * records, and causes no repeats.
 */
function boundDuplicates(
  { world, faults }: Evidence,
  tally: { readonly answerLost: number; readonly unrecorded: number; readonly sentTwice: number },
): Duplicates {
  const answeredAt: number[] = [];
  for (const { plan } of world.routes) {
    for (const requests of world.receiver.requests(plan.path).values()) {
      answeredAt.push(...requests.filter(isAccepted).map(({ answeredAtMs }) => answeredAtMs ?? 0));
    }
  }
  answeredAt.sort((a, b) => a - b);
  const acceptedBetween = (fromMs: number, toMs: number): number =>
    firstAtOrAbove(answeredAt, toMs) - firstAtOrAbove(answeredAt, fromMs);
  let bound = 0;
  const expose = (fromMs: number, toMs: number, most: number): void => {
    bound += Math.min(most, acceptedBetween(fromMs, toMs) + REQUESTS_MAX);
  };
  for (const { kind, note, target, startedAtMs, endedAtMs } of faults) {
    if (kind === "daemon.kill" || (kind === "daemon.stop" && note !== STOPPED_CLEANLY)) {
      expose(unrecordedSince(faults, target, startedAtMs), endedAtMs, IN_HAND_MAX);
    } else if (kind === "link.half_open") {
      // A record that is never answered may outlast the leases of the deliveries in it.
      expose(startedAtMs - UNRECORDED_MS, endedAtMs + FLUSH_LOST_MS, IN_HAND_MAX);
    } else if (kind === "postgres.failover") {
      // Recording does not wait for the standby, so records that had not reached it are repeated.
      const crashedAtMs = Number(note.split(CRASHED_AT)[1] ?? startedAtMs);
      expose(crashedAtMs - CRASH_LOSES_MS, endedAtMs, Number.POSITIVE_INFINITY);
    } else if (kind === "postgres.crash") {
      expose(startedAtMs - CRASH_LOSES_MS, startedAtMs, Number.POSITIVE_INFINITY);
    }
  }
  for (const slot of world.slots) {
    for (const atMs of slot.timesOf("daemon.lease_lost")) {
      expose(unrecordedSince(faults, slot.index, atMs - LEASE_MS), atMs + UNRECORDED_MS, IN_HAND_MAX);
    }
  }
  return {
    total: tally.answerLost + tally.unrecorded + tally.sentTwice,
    ...tally,
    bound,
  };
}

/** The time since which this daemon's accepted requests may be unrecorded: before whatever kept it from Postgres. */
function unrecordedSince(faults: readonly ExecutedFault[], daemon: number, atMs: number): number {
  let sinceMs = atMs - UNRECORDED_MS;
  for (const { kind, target, startedAtMs, endedAtMs } of faults.toReversed()) {
    const hinders = FAULTS[kind].target === "postgres" || (FAULTS[kind].target === "link" && target === daemon);
    const lastsMs = kind === "link.half_open" ? FLUSH_LOST_MS : FLUSH_RETRY_MS;
    if (hinders && startedAtMs < sinceMs && endedAtMs + lastsMs >= sinceMs) {
      sinceMs = startedAtMs - UNRECORDED_MS;
    }
  }
  return sinceMs;
}

/** Index of the first that is not below; the numbers ascend. */
function firstAtOrAbove(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function stateOf(delivery: DeliveryRow | undefined): string {
  return delivery === undefined
    ? "no delivery"
    : `${delivery.state} after ${delivery.attempts} ${delivery.reason ?? ""}`;
}

function pairKey(row: { readonly event_id: string; readonly endpoint_id: string }): string {
  return `${row.event_id} ${row.endpoint_id}`;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function readOutbox(session: pg.Pool): Promise<OutboxRow[]> {
  const { rows } = await session.query<OutboxRow>(
    `select id, event_type as "eventType", tenant, ordering_key as key, (payload ->> 'number')::integer as number,
            (payload ->> 'amount')::integer as amount, (payload ->> 'place')::integer as place
     from postrider.outbox`,
  );
  return rows;
}

async function readDeliveries(session: pg.Pool): Promise<DeliveryRow[]> {
  const { rows } = await session.query<DeliveryRow>(
    "select event_id, endpoint_id, state, reason, attempts, halts from postrider.delivery",
  );
  return rows;
}

async function readAttempts(session: pg.Pool): Promise<AttemptRow[]> {
  const { rows } = await session.query<AttemptRow>(
    `select event_id, endpoint_id, attempt_number, http_status, failure_kind,
            extract(epoch from started_at)::float8 * 1000 as started_ms, duration_ms
     from postrider.attempt`,
  );
  return rows;
}
