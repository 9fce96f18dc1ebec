/**
 * Replays by real daemons: what arrives while daemons are killed and new events come in, and how much a replay slows the
 * live traffic of the same endpoint and of others.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import pg from "pg";
import { DaemonProcess, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, claimAll, insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const EVENTS = 5_000;
const MAX_IN_FLIGHT = 64;
/** The deliveries that a daemon may have in hand. */
const IN_HAND_MAX = 1_000;
const DEADLINE_MS = 90_000;

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

interface Endpoint {
  readonly id: string;
  readonly path: string;
}

async function createEndpoint(path: string, answer: Answer | ((request: Received) => Answer) = OK): Promise<Endpoint> {
  receiver.script(path, answer);
  const id = await askFor(
    database.pool,
    "select endpoint_id from postrider.create_endpoint($1, options => $2)",
    // A killed daemon's lease lasts for the timeout plus 15 s.
    [receiver.url(path), JSON.stringify({ timeout_ms: 3_000, retry_schedule: ["200 ms", "200 ms", "200 ms"] })],
  );
  return { id: String(id), path };
}

/** Events that were claimed while no endpoint was subscribed to them. */
async function insertHistory(count: number): Promise<Set<string>> {
  const events = await insertEvents(database.pool, "order.paid", count);
  await claimAll(database.pool, { events: 10_000 });
  return new Set(events);
}

async function startReplay(endpoint: Endpoint): Promise<string> {
  const id = await askFor(
    database.pool,
    "select replay_id from postrider.replay($1, now() - interval '1 hour', event_type => 'order.*', states => '{exhausted,discarded,unmatched,cancelled,succeeded}')",
    [endpoint.id],
  );
  return String(id);
}

async function statusOf(replayId: string): Promise<Readonly<Record<string, unknown>>> {
  const [row] = await rowsOf(
    database.pool,
    `select state, events::integer, prepared::integer, left_alone::integer, pending::integer, succeeded::integer,
            exhausted::integer, discarded::integer, restored::integer
     from postrider.replay_status where replay_id = $1`,
    [replayId],
  );
  assert.ok(row !== undefined);
  return row;
}

function isDone(replayId: string): Promise<void> {
  return until("the replay is done", async () => (await statusOf(replayId)).state === "done", DEADLINE_MS);
}

/** Inserts a live.event every few milliseconds until stopped; returns when each was committed, by id. */
class LiveTraffic {
  readonly committedMs = new Map<string, number>();
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(gapMs: number) {
    this.#running = this.#run(gapMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(gapMs: number): Promise<void> {
    while (!this.#isStopped) {
      const payload = JSON.stringify({ fails: this.committedMs.size % 5 === 0 });
      const id = await insertEvent(database.pool, "live.event", { payload });
      this.committedMs.set(id, performance.now());
      await new Promise((resolve) => setTimeout(resolve, gapMs));
    }
  }
}

test("a replay continues where it was after its daemon is killed, and events of the meantime also arrive", {
  timeout: DEADLINE_MS + 15_000,
}, async (t) => {
  const history = await insertHistory(EVENTS);
  const endpoint = await createEndpoint("/crash");
  const daemons = [await startDaemonProcess()];
  t.after(() => Promise.all(daemons.map((daemon) => daemon.kill())));
  const live = new LiveTraffic(10);
  t.after(() => live.stop());
  const replayId = await startReplay(endpoint);

  const replayed = () => receiver.requests(endpoint.path).filter(({ id }) => history.has(id));
  await until("a third of it has arrived", () => replayed().length >= EVENTS / 3, DEADLINE_MS);
  await daemons[0]?.kill();
  const cutAt = Number(await askFor(database.pool, "select prepared from postrider.replay"));
  assert.ok(cutAt < EVENTS, "the replay was prepared before the daemon was killed");
  daemons.push(await startDaemonProcess());
  await isDone(replayId);
  await live.stop();
  const expected = new Set([...history, ...live.committedMs.keys()]);
  await until("everything has arrived", () => receiver.accepted(endpoint.path).size === expected.size, DEADLINE_MS);
  assert.deepEqual(receiver.accepted(endpoint.path), expected);
  await until(
    "all is recorded",
    async () => (await askFor(database.pool, "select count(*)::integer from postrider.in_flight")) === 0,
  );
  assert.equal(await daemons[1]?.stop(), 0);

  assert.deepEqual(await statusOf(replayId), {
    state: "done",
    events: EVENTS,
    prepared: EVENTS,
    left_alone: 0,
    pending: 0,
    succeeded: EVENTS,
    exhausted: 0,
    discarded: 0,
    restored: 0,
  });
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select state, replay_id is not null as is_replayed, count(*)::integer from postrider.delivery group by 1, 2 order by 3`,
    ),
    [
      { state: "succeeded", is_replayed: false, count: live.committedMs.size },
      { state: "succeeded", is_replayed: true, count: EVENTS },
    ].sort((one, other) => one.count - other.count),
  );
  const repeats = receiver.requests(endpoint.path).length - expected.size;
  t.diagnostic(`killed when ${cutAt} of ${EVENTS} were prepared; ${repeats} duplicates, ${live.committedMs.size} live`);
  assert.ok(repeats <= IN_HAND_MAX, `${repeats} duplicates`);
});

test("live events go ahead of replayed ones, and their retries do not wait behind the replay", async (t) => {
  const history = await insertHistory(EVENTS);
  const slow: Answer = { kind: "status", status: 200, delayMs: 20 };
  const endpoint = await createEndpoint("/live/same", ({ body, nth }) =>
    nth === 1 && body.includes("live.event") && body.includes('"fails":true') ? status(500) : slow,
  );
  const other = await createEndpoint("/live/other");
  const { daemon } = await startDaemon(database.url, { maxInFlight: MAX_IN_FLIGHT });
  t.after(() => daemon.stop());
  const replayId = await startReplay(endpoint);
  await receiver.got(endpoint.path, 200);
  const startedMs = performance.now();
  const live = new LiveTraffic(20);
  t.after(() => live.stop());
  await isDone(replayId);
  const doneMs = performance.now();
  await live.stop();
  const ids = [...live.committedMs.keys()];
  await until("all live events have arrived", () =>
    [endpoint, other].every(({ path }) => ids.every((id) => receiver.accepted(path).has(id))),
  );

  const arrivals = receiver.requests(endpoint.path);
  const replayedMs = arrivals.filter(({ id }) => history.has(id)).map(({ atMs }) => atMs);
  const meanwhile = (fromMs: number, toMs: number) => replayedMs.filter((ms) => ms > fromMs && ms < toMs).length;
  const firsts = (path: string) =>
    receiver
      .requests(path)
      .filter(({ id, nth, atMs }) => live.committedMs.has(id) && nth === 1 && atMs < doneMs)
      .map(({ id, atMs }) => meanwhile(live.committedMs.get(id) ?? 0, atMs));
  const retries = arrivals
    .filter(({ id, nth }) => live.committedMs.has(id) && nth === 2)
    .map(({ id, atMs }) => meanwhile(arrivals.find((first) => first.id === id)?.atMs ?? 0, atMs));
  t.diagnostic(
    `${EVENTS} in ${Math.round(doneMs - startedMs)} ms beside ${ids.length} live events; replayed ones that came in between: ` +
      `same endpoint ${spread(firsts(endpoint.path))}, other ${spread(firsts(other.path))}, retries ${spread(retries)}`,
  );
  assert.ok(retries.length >= 5 && firsts(other.path).length >= 20, "the replay was over too soon");
  // Those already in flight and those admitted while the event is claimed; first come, first served would give 180.
  assert.ok(quantile(firsts(endpoint.path), 0.5) <= 2 * MAX_IN_FLIGHT);
  // Those due before it and those sent during the wait of 200 ms; without a pace it would be all of them.
  assert.ok(quantile(retries, 1) < EVENTS / 2);
});

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function spread(values: readonly number[]): string {
  return [0.5, 0.95, 1].map((part) => quantile(values, part)).join("/");
}

function startDaemonProcess(): Promise<DaemonProcess> {
  return DaemonProcess.start({ databaseUrl: database.url, changes: { maxInFlight: MAX_IN_FLIGHT } });
}

test("a sleeping daemon starts a replay at once", async (t) => {
  const history = await insertHistory(40);
  const endpoint = await createEndpoint("/asleep");
  const { daemon, emitted } = await startDaemon(database.url, { pollIntervalMs: 600_000 });
  t.after(() => daemon.stop());
  const gate = `select count(*)::integer from pg_locks
    where locktype = 'advisory' and classid = 1886352244 and objid = 2 and mode = 'ExclusiveLock'
      and database = (select oid from pg_database where datname = current_database())`;
  await until("it sleeps", async () => (await askFor(database.pool, gate)) === 1);
  const replayId = await startReplay(endpoint);
  await isDone(replayId);
  assert.deepEqual(receiver.accepted(endpoint.path), history);
  await until("it says so", () => emitted.named("replay.finished").length === 1);
  assert.deepEqual(emitted.named("replay.finished")[0], {
    replay_id: replayId,
    endpoint_id: endpoint.id,
    outcome: "done",
  });
});

const STORM_EVENTS = 300;
const STORM_MS = 4_000;
/** For a machine so busy that one of the actions has not succeeded by then. */
const STORM_MAX_MS = 30_000;

/** The only errors that concurrent operators may get; a deadlock is not among them. */
const EXPECTED_CODES: readonly string[] = [
  "55000", // the endpoint is disabled, the replay is done already
  "55006", // the delivery is in flight
  "P0002", // no such delivery
];

test("operators who replay, cancel, redeliver, pause and disable at once never deadlock, and leave correct counts", {
  timeout: DEADLINE_MS,
}, async (t) => {
  const history = [...(await insertHistory(STORM_EVENTS))];
  let requestCount = 0;
  const endpoint = await createEndpoint("/storm", () => {
    requestCount += 1;
    return requestCount % 7 === 0 ? status(500) : OK;
  });
  const daemons = [
    await startDaemon(database.url, { maxInFlight: MAX_IN_FLIGHT }),
    await startDaemon(database.url, { maxInFlight: MAX_IN_FLIGHT }),
  ];
  t.after(() => Promise.all(daemons.map(({ daemon }) => daemon.stop())));

  await isDone(await startReplay(endpoint));

  const codes = new Map<string, number>();
  const done = new Map<string, number>();
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(Math.random() * items.length)];
  const replays: string[] = [];
  const actions: Readonly<Record<string, () => Promise<unknown>>> = {
    replay: async () => {
      const states = pick([null, null, ["succeeded"], ["exhausted", "discarded"]]);
      const text = "select replay_id from postrider.replay($1, now() - interval '1 hour', states => $2)";
      replays.push(String(await askFor(database.pool, text, [endpoint.id, states])));
    },
    cancelReplay: () => database.pool.query("select postrider.cancel_replay($1)", [pick(replays.slice(-3))]),
    redeliver: () => database.pool.query("select postrider.redeliver($1, $2)", [pick(history), endpoint.id]),
    pause: () => database.pool.query("select postrider.pause_endpoint($1)", [endpoint.id]),
    resume: () => database.pool.query("select postrider.resume_endpoint($1)", [endpoint.id]),
    disable: () => database.pool.query("select postrider.disable_endpoint($1)", [endpoint.id]),
    enable: () => database.pool.query("select postrider.enable_endpoint($1)", [endpoint.id]),
  };
  const weighted = ["replay", "replay", "cancelReplay", "redeliver", "redeliver", "redeliver", "pause", "resume"];
  weighted.push("resume", "disable", "enable", "enable", "enable");
  const startedMs = performance.now();
  const isOver = (): boolean => {
    const tookMs = performance.now() - startedMs;
    return tookMs > STORM_MS && (tookMs > STORM_MAX_MS || Object.keys(actions).every((name) => done.has(name)));
  };
  const operators = Array.from({ length: 4 }, async () => {
    while (!isOver()) {
      const name = pick(weighted) ?? "";
      try {
        await actions[name]?.();
        done.set(name, (done.get(name) ?? 0) + 1);
      } catch (thrown) {
        const code = thrown instanceof pg.DatabaseError ? String(thrown.code) : String(thrown);
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
  });
  await Promise.all(operators);
  await database.pool.query("select postrider.enable_endpoint($1)", [endpoint.id]);
  await database.pool.query("select postrider.resume_endpoint($1)", [endpoint.id]);
  // A replay leaves work in hand alone. An attempt in flight while the endpoint was disabled ends discarded.
  await until("nothing is in flight", async () => {
    const text = `select (select count(*) from postrider.replay where finished_at is null)
      + (select count(*) from postrider.delivery where state = 'pending') + (select count(*) from postrider.in_flight)
      + (select count(*) from postrider.cancellation)`;
    return Number(await askFor(database.pool, text)) === 0;
  });
  const last = await startReplay(endpoint);
  await isDone(last);
  await until("nothing is left of any replay", async () => {
    const text = "select count(*)::integer from postrider.replay where finished_at is null";
    return (await askFor(database.pool, text)) === 0;
  });
  await until("nothing is pending", async () => {
    const text = "select count(*)::integer from postrider.delivery where state = 'pending'";
    return (await askFor(database.pool, text)) === 0;
  });

  t.diagnostic(`${JSON.stringify(Object.fromEntries(done))}, refused ${JSON.stringify(Object.fromEntries(codes))}`);
  assert.deepEqual(
    [...codes.keys()].filter((code) => !EXPECTED_CODES.includes(code)),
    [],
  );
  for (const name of Object.keys(actions)) assert.ok((done.get(name) ?? 0) > 0, `${name} never went through`);
  // The last replay covered everything, and nothing disturbed it.
  assert.deepEqual(
    new Set(
      (await rowsOf<{ state: string }>(database.pool, "select distinct state from postrider.delivery")).map(
        ({ state }) => state,
      ),
    ).has("discarded"),
    false,
  );
  assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.delivery"), STORM_EVENTS);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select replay_id, prepared, succeeded, exhausted, discarded, restored, pending from postrider.replay_status
       where least(succeeded, exhausted, discarded, restored) < 0 or pending <> 0
         or prepared <> succeeded + exhausted + discarded + restored`,
    ),
    [],
    "the counts do not add up",
  );
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select d.event_id, d.state from postrider.delivery d
       where (d.state = 'succeeded') <> exists (
         select from postrider.attempt a
         where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id and a.failure_kind is null
           and (d.state_before is null or a.attempt_number > d.attempts_before))`,
    ),
    [],
    "a state that the attempts do not bear out",
  );
});
