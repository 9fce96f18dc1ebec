/**
 * The main promise: every committed event arrives wherever it matches, whatever happens to the daemons. Writers commit
 * and roll back at random, a bulk load is open the whole time, and daemons are killed without warning.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type pg from "pg";
import { DaemonProcess } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, openSession, reset, rowsOf, subscribe } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const WRITERS = 8;
const WRITTEN_EVENTS = 9_000;
const BULK_EVENTS = 3_000;
const TRANSACTION_EVENTS_MAX = 500;
const KILLS = 6;
const MAX_IN_FLIGHT = 64;
/** Writers that are this many events ahead of the receiver wait for it, so that the kills fall while there is work. */
const AHEAD_MAX = 2_500;
const HELD_OPEN_MS = 3_000;
/** It takes 110 s where ten processes wait for each core, most of them for daemons that start. Only a hang may fail. */
const DEADLINE_MS = 300_000;

const TYPES = ["order.paid", "order.shipped", "invoice.sent", "user.changed", "report.made"] as const;
const TENANT = "acme";

interface Written {
  readonly id: string;
  readonly eventType: string;
  readonly tenant: string;
  readonly amount: number;
}

interface Destination {
  readonly path: string;
  readonly tenant: string;
  readonly eventTypes: readonly string[];
  readonly filter?: { readonly eventType: string; readonly predicate: string };
  readonly answer: (received: Received) => Answer;
  /** The events it must get: the same rules in another language. */
  readonly matches: (event: Written) => boolean;
}

let flakyCount = 0;

const DESTINATIONS: readonly Destination[] = [
  {
    path: "/everything",
    tenant: "",
    eventTypes: ["*"],
    answer: () => OK,
    matches: ({ tenant }) => tenant === "",
  },
  {
    path: "/orders",
    tenant: "",
    // An event that matches two rules is one delivery.
    eventTypes: ["order.*", "order.paid"],
    answer: () => OK,
    matches: ({ tenant, eventType }) => tenant === "" && eventType.startsWith("order."),
  },
  {
    path: "/large-orders",
    tenant: "",
    eventTypes: [],
    filter: { eventType: "order.paid", predicate: "$.amount > 700" },
    answer: () => OK,
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === "order.paid" && amount > 700,
  },
  {
    path: "/flaky",
    tenant: "",
    eventTypes: ["invoice.sent", "user.*"],
    answer: () => {
      flakyCount += 1;
      return flakyCount % 10 === 0 ? status(500) : OK;
    },
    matches: ({ tenant, eventType }) => tenant === "" && (eventType === "invoice.sent" || eventType === "user.changed"),
  },
  {
    path: "/slow",
    tenant: "",
    eventTypes: ["report.made"],
    answer: () => ({ ...OK, delayMs: 100 }),
    matches: ({ tenant, eventType }) => tenant === "" && eventType === "report.made",
  },
  {
    path: "/tenant",
    tenant: TENANT,
    eventTypes: ["*"],
    answer: () => OK,
    matches: ({ tenant }) => tenant === TENANT,
  },
];

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

test("while daemons are killed, every committed event arrives wherever it matches, and no rolled-back event does", {
  timeout: DEADLINE_MS + 15_000,
}, async (t) => {
  const startedMs = performance.now();
  const committed: Written[] = [];
  const rolledBack: Written[] = [];
  let arrivedCount = 0;
  const endpointIds = await createEndpoints((received) => {
    arrivedCount += received.nth === 1 ? 1 : 0;
  });

  const daemons = [await startDaemonProcess(), await startDaemonProcess()];
  t.after(() => Promise.all(daemons.map((daemon) => daemon.kill())));

  // Open throughout: it inserts before the first writer begins and commits when the others are nearly done.
  const bulkSession = await openSession(t, database.url);
  await bulkSession.query("begin");
  const bulk = await insert(bulkSession, draw(BULK_EVENTS));

  let leftToWrite = WRITTEN_EVENTS;
  const take = (): number => {
    const count = Math.min(leftToWrite, drawTransactionSize());
    leftToWrite -= count;
    return count;
  };
  // About four deliveries for three events.
  const isFarAhead = (): boolean => committed.length - arrivedCount / 2 > AHEAD_MAX;
  const writers = Array.from({ length: WRITERS }, async () => {
    const session = await openSession(t, database.url);
    for (let count = take(); count > 0; count = take()) {
      await until("the receiver keeps up", () => !isFarAhead(), DEADLINE_MS);
      await session.query("begin");
      const events = await insertInSteps(session, draw(count), rolledBack);
      if (Math.random() < 0.05) {
        const arrivedBefore = arrivedCount;
        await patiently(() => arrivedCount >= arrivedBefore + 3_000);
      }
      if (Math.random() < 0.1) {
        await session.query("rollback");
        rolledBack.push(...events);
        leftToWrite += count;
      } else {
        await session.query("commit");
        committed.push(...events);
      }
    }
  });

  const expectedTotal = (): number => committed.reduce((sum, event) => sum + destinationsOf(event).length, 0);
  const pairsExpected = (WRITTEN_EVENTS + BULK_EVENTS) * 1.7;
  let kills = 0;
  /** What the killed daemons may have had in flight: requests and unrecorded answers. */
  let exposed = 0;
  const killing = (async () => {
    while (kills < KILLS && !t.signal.aborted) {
      const goal = (pairsExpected * (kills + 1)) / (KILLS + 2);
      await until(`${Math.round(goal)} deliveries have arrived`, () => arrivedCount >= goal, DEADLINE_MS);
      const index = kills % daemons.length;
      await daemons[index]?.kill();
      kills += 1;
      exposed += MAX_IN_FLIGHT + (await unrecordedCount());
      const next = await startDaemonProcess();
      daemons[index] = next;
      // The test has failed meanwhile, and would leave this one behind.
      if (t.signal.aborted) await next.kill();
    }
  })();
  const committing = (async () => {
    await until("the writers are nearly done", () => committed.length >= WRITTEN_EVENTS * 0.9, DEADLINE_MS);
    await bulkSession.query("commit");
    committed.push(...bulk);
  })();
  await Promise.all([...writers, committing, killing]);

  const total = expectedTotal();
  await until(
    "everything is finished",
    async () => arrivedCount >= total && (await unfinishedCount()) === 0,
    DEADLINE_MS,
  );
  assert.deepEqual(await Promise.all(daemons.map((daemon) => daemon.stop())), [0, 0]);

  assert.equal(committed.length, WRITTEN_EVENTS + BULK_EVENTS);
  assert.ok(rolledBack.length > 0);
  for (const { path, matches } of DESTINATIONS) {
    const expected = new Set(committed.filter(matches).map(({ id }) => id));
    const accepted = receiver.accepted(path);
    assert.equal(countMissing(expected, accepted), 0, `${path} lacks events`);
    const arrived = new Set(receiver.requests(path).map(({ id }) => id));
    assert.equal(countMissing(arrived, expected), 0, `${path} has events that it should not have`);
    assert.ok(receiver.requests(path).every(({ verification }) => verification === "verified"));
  }

  assert.deepEqual(await rowsOf(database.pool, "select * from postrider.in_flight"), []);
  assert.deepEqual(await rowsOf(database.pool, "select * from postrider.backlog"), []);
  assert.deepEqual(
    await rowsOf(database.pool, "select state, count(*)::integer from postrider.delivery_status group by state"),
    [{ state: "succeeded", count: total }],
  );
  assert.deepEqual(
    await rowsOf(database.pool, "select cardinality(event_ids) as pairs from postrider.claim"),
    [{ pairs: 0 }],
    "a claim was left",
  );

  const repeats = countRepeats();
  await assertRecordsAgree(endpointIds);
  const requests = DESTINATIONS.reduce((sum, { path }) => sum + receiver.requests(path).length, 0);
  t.diagnostic(
    `${total} deliveries of ${committed.length} events in ${Math.round(performance.now() - startedMs)} ms; ` +
      `${kills} kills, ${repeats} duplicates of ${exposed} possible, ${requests} requests, ${rolledBack.length} events rolled back`,
  );
  assert.ok(repeats <= exposed, `${repeats} duplicates after ${kills} kills, and ${exposed} were in flight`);
});

test("a daemon that freezes for longer than its lease sends nothing that another has taken over, and continues", async (t) => {
  const path = "/frozen";
  receiver.script(path, { kind: "hang" });
  await database.pool.query("select postrider.create_endpoint($1, array['frozen.*'], '', $2)", [
    receiver.url(path),
    JSON.stringify({ timeout_ms: 120_000 }),
  ]);
  const frozen = await startDaemonProcess();
  t.after(() => frozen.kill());
  const events = await insertEvents(database.pool, "frozen.event", 50);
  await receiver.got(path, 8);
  process.kill(frozen.pid, "SIGSTOP");
  receiver.script(path, OK);
  const successor = await startDaemonProcess();
  t.after(() => successor.kill());
  await receiver.got(path, 58, 40_000);
  await until("all is recorded", async () => (await unfinishedCount()) === 0);
  assert.deepEqual(receiver.accepted(path), new Set(events));

  process.kill(frozen.pid, "SIGCONT");
  const isBack = async (): Promise<boolean> =>
    (await askFor(
      database.pool,
      "select count(*)::integer from postrider.daemon where pid = $1 and id <> $2 and lease_expires_at > now()",
      [frozen.pid, frozen.daemonId],
    )) === 1;
  await until("it continues under another id", isBack);
  // Its answers arrive now. They are recorded because they happened, and they change nothing.
  receiver.release(path);
  const attempts = `select count(*)::integer from postrider.attempt a where exists (
    select from postrider.outbox o where o.id = a.event_id and o.event_type = 'frozen.event')`;
  await until("its attempts are recorded", async () => (await askFor(database.pool, attempts)) === 58);
  assert.equal(await successor.stop(), 0);
  await insertEvents(database.pool, "frozen.event", 5);
  await receiver.got(path, 63);
  await until("all is recorded", async () => (await unfinishedCount()) === 0);
  assert.equal(await frozen.stop(), 0);
  assert.equal(receiver.requests(path).length, 63);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select d.state, d.attempts, count(*)::integer from postrider.delivery d
       join postrider.outbox o on o.id = d.event_id and o.event_type = 'frozen.event' group by 1, 2`,
    ),
    [{ state: "succeeded", attempts: 1, count: 55 }],
  );
});

function startDaemonProcess(): Promise<DaemonProcess> {
  return DaemonProcess.start({ databaseUrl: database.url, changes: { maxInFlight: MAX_IN_FLIGHT } });
}

/** Path to endpoint id. */
async function createEndpoints(onReceived: (received: Received) => void): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const { path, tenant, eventTypes, filter, answer } of DESTINATIONS) {
    const [row] = await rowsOf<{ endpoint_id: string; secret: string }>(
      database.pool,
      "select * from postrider.create_endpoint($1, $2, $3, $4)",
      [
        receiver.url(path),
        eventTypes,
        tenant,
        // A killed daemon's lease on a retry lasts for the timeout plus 15 s.
        JSON.stringify({ timeout_ms: 3_000, retry_schedule: Array(8).fill("200 ms") }),
      ],
    );
    assert.ok(row !== undefined);
    if (filter !== undefined) {
      await subscribe(database.pool, row.endpoint_id, filter.eventType, filter.predicate);
    }
    ids.set(path, row.endpoint_id);
    receiver.verify(path, row.secret);
    receiver.script(path, (received) => {
      onReceived(received);
      return answer(received);
    });
  }
  return ids;
}

type Draft = Omit<Written, "id">;

function draw(count: number): Draft[] {
  return Array.from({ length: count }, () => ({
    eventType: TYPES[Math.floor(Math.random() * TYPES.length)] ?? TYPES[0],
    tenant: Math.random() < 0.2 ? TENANT : "",
    amount: Math.floor(Math.random() * 1_000),
  }));
}

/** Mostly small, as in applications, and now and then a large one. */
function drawTransactionSize(): number {
  return 1 + Math.floor(TRANSACTION_EVENTS_MAX * Math.random() ** 3);
}

async function insert(session: pg.ClientBase, drafts: readonly Draft[]): Promise<Written[]> {
  const rows = await rowsOf<{ id: string }>(
    session,
    `with added as (
       insert into postrider.outbox (event_type, tenant, payload)
       select d.event_type, d.tenant, json_build_object('amount', d.amount)
       from unnest($1::text[], $2::text[], $3::integer[]) with ordinality d (event_type, tenant, amount, n) order by d.n
       returning id, seq)
     select id from added order by seq`,
    [drafts.map(({ eventType }) => eventType), drafts.map(({ tenant }) => tenant), drafts.map(({ amount }) => amount)],
  );
  return drafts.map((draft, index) => ({ ...draft, id: rows[index]?.id ?? "" }));
}

/** Inserts in two statements; the second is under a savepoint, rolled back once and repeated. */
async function insertInSteps(
  session: pg.ClientBase,
  drafts: readonly Draft[],
  rolledBack: Written[],
): Promise<Written[]> {
  const middle = Math.ceil(drafts.length / 2);
  const first = await insert(session, drafts.slice(0, middle));
  const rest = drafts.slice(middle);
  if (rest.length === 0) {
    return first;
  }
  await session.query("savepoint half");
  if (Math.random() < 0.1) {
    rolledBack.push(...(await insert(session, rest)));
    await session.query("rollback to half");
  }
  return [...first, ...(await insert(session, rest))];
}

/** Waits for the condition up to a limit; the caller then closes what it holds open anyway. */
async function patiently(holds: () => boolean): Promise<void> {
  await until("that much has happened", holds, HELD_OPEN_MS).catch(() => {});
}

/** How many of `ids` are not in `others`. */
function countMissing(ids: ReadonlySet<string>, others: ReadonlySet<string>): number {
  return [...ids].filter((id) => !others.has(id)).length;
}

function destinationsOf(event: Written): readonly Destination[] {
  return DESTINATIONS.filter(({ matches }) => matches(event));
}

async function unfinishedCount(): Promise<number> {
  return Number(
    await askFor(
      database.pool,
      `select (select count(*) from postrider.delivery where state = 'pending') + (select count(*) from postrider.in_flight)`,
    ),
  );
}

/** Deliveries that a receiver has accepted and no row records yet. Rows are counted first, so the result is never too low. */
async function unrecordedCount(): Promise<number> {
  const recorded = Number(
    await askFor(database.pool, "select count(*) from postrider.delivery where state = 'succeeded'"),
  );
  return DESTINATIONS.reduce((sum, { path }) => sum + receiver.accepted(path).size, 0) - recorded;
}

/** Requests that were answered 2xx for an event that the path had accepted before. */
function countRepeats(): number {
  let repeats = 0;
  for (const { path } of DESTINATIONS) {
    const accepted = receiver.requests(path).filter(({ answered }) => answered === 200);
    repeats += accepted.length - receiver.accepted(path).size;
  }
  return repeats;
}

/** The records are true: each success was answered 2xx, and there are no more attempts than requests. */
async function assertRecordsAgree(endpointIds: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, endpointId] of endpointIds) {
    const accepted = receiver.accepted(path);
    const requests = Map.groupBy(receiver.requests(path), ({ id }) => id);
    const recorded = await rowsOf<{ event_id: string; attempts: number; rows: number; succeeded: number }>(
      database.pool,
      `select d.event_id, d.attempts, a.rows, a.succeeded
       from postrider.delivery d
       cross join lateral (
         select count(*)::integer as rows, count(*) filter (where failure_kind is null)::integer as succeeded
         from postrider.attempt i where i.event_id = d.event_id and i.endpoint_id = d.endpoint_id) a
       where d.endpoint_id = $1`,
      [endpointId],
    );
    for (const { event_id, attempts, rows, succeeded } of recorded) {
      assert.ok(accepted.has(event_id), `${path} did not accept ${event_id}`);
      const seen = requests.get(event_id)?.length ?? 0;
      assert.ok(rows <= seen, `${path} has ${rows} attempts and ${seen} requests of ${event_id}`);
      assert.ok(succeeded >= 1 && attempts <= rows, `${path} has ${rows} rows for ${attempts} attempts of ${event_id}`);
    }
  }
}
