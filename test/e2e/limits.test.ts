/** Limits that daemons keep together, as their receiver sees it. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { DaemonProcess, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvents, reset } from "../support/engine.ts";
import { type Answer, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

function create(path: string, options: Readonly<Record<string, unknown>>): Promise<string> {
  return createEndpoint(database.pool, [path.slice(1)], {
    url: receiver.url(path),
    options: { timeout_ms: 1_000, ...options },
  });
}

/** Answers after a while, and notes how many requests are in progress whenever one arrives. */
class Concurrency {
  #inProgress = 0;
  most = 0;

  answer(delayMs: number): Answer {
    this.#inProgress += 1;
    this.most = Math.max(this.most, this.#inProgress);
    // Before the answer: no other request is made for this one until then.
    setTimeout(() => {
      this.#inProgress -= 1;
    }, delayMs);
    return { kind: "status", status: 200, delayMs };
  }
}

/** The most by which the requests of any stretch of time exceed what a rate with a burst allows. */
function excess(atMs: readonly number[], rate: number, burst: number): number {
  let spentUntilMs = Number.NEGATIVE_INFINITY;
  let most = 0;
  for (const ms of atMs) {
    spentUntilMs = Math.max(spentUntilMs, ms) + 1_000 / rate;
    most = Math.max(most, ((spentUntilMs - ms) / 1_000) * rate - burst);
  }
  return most;
}

async function startThree(t: TestContext): Promise<DaemonProcess[]> {
  const changes: Partial<Config> = { pollIntervalMs: 1_000, shutdownGraceMs: 100 };
  const started = await Promise.all(
    Array.from({ length: 3 }, () => DaemonProcess.start({ databaseUrl: database.url, changes })),
  );
  for (const daemon of started) {
    t.after(() => daemon.kill());
  }
  return started;
}

const CAP = 4;
/** Per second. The interval is longer than a busy machine may keep a process waiting. */
const RATE = 1;
const BURST = 4;
const PACED_EVENTS = 24;
/** Many a second: what was leased begins within a second, so the receiver sees one second's worth beyond the rate at most. */
const FAST_RATE = 20;
const FAST_BURST = 5;
const FAST_EVENTS = 120;

test("three daemons keep a cap and a rate together, also when one of them is killed", async (t) => {
  const capped = new Concurrency();
  receiver.script("/capped", () => capped.answer(5 + Math.random() * 40));
  await create("/capped", { max_in_flight: CAP });
  await create("/paced", { rate_limit: RATE, rate_burst: BURST });
  await create("/fast", { rate_limit: FAST_RATE, rate_burst: FAST_BURST });
  const [daemon] = await startThree(t);
  await Promise.all([
    insertEvents(database.pool, "capped", 1_000),
    insertEvents(database.pool, "paced", PACED_EVENTS),
    insertEvents(database.pool, "fast", FAST_EVENTS),
  ]);
  await receiver.got("/capped", 150, 60_000);
  await daemon?.kill();
  await until("all have arrived", () => receiver.accepted("/capped").size === 1_000, 60_000);
  await until("all have arrived", () => receiver.accepted("/paced").size === PACED_EVENTS, 60_000);
  assert.equal(capped.most, CAP);
  const arrivals = receiver.requests("/paced").map(({ atMs }) => atMs);
  const over = excess(arrivals, RATE, BURST);
  t.diagnostic(`at most ${over.toFixed(2)} requests over the rate`);
  assert.ok(over <= 1, `${over}`);
  await until("all have arrived", () => receiver.accepted("/fast").size === FAST_EVENTS, 60_000);
  const fastOver = excess(
    receiver.requests("/fast").map(({ atMs }) => atMs),
    FAST_RATE,
    FAST_BURST,
  );
  t.diagnostic(`at most ${fastOver.toFixed(2)} requests over the higher rate`);
  assert.ok(fastOver <= FAST_RATE, `${fastOver}`);
});

test("an endpoint that comes to have a cap gets no more than that, whatever daemons have in memory", async (t) => {
  const events = 400;
  receiver.script("/edited", { kind: "hang" });
  const endpoint = await create("/edited", { timeout_ms: 120_000 });
  const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 1_000 });
  t.after(() => daemon.stop());
  await insertEvents(database.pool, "edited", events);
  await until("more are in progress", () => receiver.heldCount("/edited") > CAP);
  await database.pool.query("update postrider.endpoint set max_in_flight = $2 where id = $1", [endpoint, CAP]);
  await until("what is not in progress has gone back", async () => {
    const waiting = "select count(*) from postrider.delivery where endpoint_id = $1 and leased_by is null";
    return Number(await askFor(database.pool, waiting, [endpoint])) + receiver.heldCount("/edited") === events;
  });
  const left = events - receiver.heldCount("/edited");
  assert.ok(left > 10 * CAP, `${left} are left to be sent`);
  const capped = new Concurrency();
  receiver.script("/edited", () => capped.answer(20));
  receiver.release("/edited");
  await until("all have arrived", () => receiver.accepted("/edited").size === events);
  assert.equal(capped.most, CAP);
});
