/**
 * Ordered endpoints, whatever happens: writers whose transactions have ids in another order than their commits, bulks that
 * are put aside, a receiver that fails at random, replays, and three daemons of which one is killed again and again. No
 * model: the first arrivals of each key at the receiver are compared with the order in which its events were committed.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { DaemonProcess, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, isGateHeld, openSession, reset, rowsOf } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const KEYS = 6;
const WRITERS = 5;
/** More than a page of a claim. */
const BULK = 1_500;

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query(`
    create table if not exists thing (key text primary key, n integer not null default 0);
    truncate thing;
    insert into thing select 'key-' || k from generate_series(1, ${KEYS}) k`);
});

function createOrdered(path: string, options: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return createEndpoint(database.pool, ["*"], {
    url: receiver.url(path),
    options: { ordered: true, timeout_ms: 2_000, ...options },
  });
}

/** One transaction: locks the thing, and then inserts events that are numbered by it. */
async function write(client: pg.Client, key: string, count: number, fate: "commit" | "rollback"): Promise<void> {
  await client.query("begin");
  // Its id is older than those of transactions that commit before it gets the lock.
  await client.query("select pg_current_xact_id()");
  await delay(Math.random() * 4);
  await client.query(
    `with locked as (update thing set n = n + $2::integer where key = $1 returning n - $2::integer as before)
     insert into postrider.outbox (event_type, ordering_key, payload)
     select 'thing.changed', $1, json_build_object('n', l.before + i) from locked l cross join generate_series(1, $2::integer) i`,
    [key, count],
  );
  await client.query(fate);
}

async function writeMany(t: TestContext, transactions: number): Promise<void> {
  const client = await openSession(t, database.url);
  for (let n = 0; n < transactions; n++) {
    const key = `key-${1 + Math.floor(Math.random() * KEYS)}`;
    await write(client, key, 1 + Math.floor(Math.random() * 3), Math.random() < 0.1 ? "rollback" : "commit");
  }
}

/** Each answer in turn is one of a receiver that is hard to reach. */
function unreliable(share: number): () => Answer {
  return () => {
    const drawn = Math.random() / share;
    if (drawn > 1) {
      return { ...OK, delayMs: Math.random() * 3 };
    }
    return drawn < 0.3 ? { kind: "reset" } : status(drawn < 0.6 ? 503 : 500);
  };
}

/** The numbers of each key in the order in which they first arrived. */
function firstArrivals(requests: readonly Received[]): Map<string, number[]> {
  const seen = new Set<string>();
  const arrivals = new Map<string, number[]>();
  for (const { id, headers, body } of requests) {
    const key = String(headers["postrider-ordering-key"]);
    if (!seen.has(id)) {
      seen.add(id);
      arrivals.set(key, [...(arrivals.get(key) ?? []), JSON.parse(body.toString()).data.n]);
    }
  }
  return arrivals;
}

/** Nothing of a key arrived before its predecessors, and nothing is missing. */
async function assertInOrder(requests: readonly Received[]): Promise<void> {
  const arrivals = firstArrivals(requests);
  for (const { key, n } of await rowsOf<{ key: string; n: number }>(database.pool, "select key, n from thing")) {
    const numbers = arrivals.get(key) ?? [];
    const misplaced = numbers.findIndex((number, place) => number !== place + 1);
    assert.equal(
      misplaced,
      -1,
      `${key}: ${numbers.slice(Math.max(0, misplaced - 3), misplaced + 4)} from place ${misplaced}`,
    );
    assert.equal(numbers.length, n, key);
  }
}

async function allDelivered(count: number): Promise<boolean> {
  const done = await askFor(
    database.pool,
    "select count(*) = $1::int and bool_and(state = 'succeeded') from postrider.delivery",
    [count],
  );
  return done === true;
}

describe("an ordered endpoint", () => {
  test("gets each key in the order of the commits, with failures, bulks, replays and killed daemons", {
    timeout: 300_000,
  }, async (t) => {
    receiver.script("/hostile", unreliable(0.05));
    const endpoint = await createOrdered("/hostile", { retry_schedule: Array.from({ length: 50 }, () => "20 ms") });
    const options = { databaseUrl: database.url };
    const daemons = [await DaemonProcess.start(options), await DaemonProcess.start(options)];
    t.after(() => Promise.all(daemons.map((daemon) => daemon.kill())));
    let isOver = false;
    const killing = (async () => {
      while (!isOver) {
        const victim = await DaemonProcess.start(options);
        await delay(300 + Math.random() * 700);
        await victim.kill();
        // As when its leases have run out, which takes a quarter of a minute: it is dead.
        await database.pool.query(
          `update postrider.delivery set lease_expires_at = now(), next_attempt_at = now()
           where leased_by = $1 and lease_expires_at is not null`,
          [victim.daemonId],
        );
      }
    })();
    // First, so that a test which fails leaves neither a daemon nor the database to the next one.
    t.after(async () => {
      isOver = true;
      await killing;
    });
    const bulk = await openSession(t, database.url);
    await Promise.all([
      ...Array.from({ length: WRITERS }, () => writeMany(t, 80)),
      (async () => {
        await delay(200);
        await write(bulk, "key-1", BULK, "commit");
        await write(bulk, "key-2", 1, "commit");
        await database.pool.query("select postrider.replay($1, now() - interval '1 hour', states => '{succeeded}')", [
          endpoint,
        ]);
        await write(bulk, "key-1", 2, "commit");
      })(),
    ]);
    const count = Number(await askFor(database.pool, "select sum(n)::int from thing"));
    await until("all events are delivered", () => allDelivered(count), 280_000);
    isOver = true;
    await killing;
    await assertInOrder(receiver.requests("/hostile"));
  });

  test("gets the next event of a key soon, with the poll switched off", async (t) => {
    receiver.script("/calm", () => OK);
    await createOrdered("/calm");
    const { daemon } = await startDaemon(database.url, { pollIntervalMs: 3_600_000 });
    t.after(() => daemon.stop());
    const client = await openSession(t, database.url);
    await write(client, "key-1", 300, "commit");
    await write(client, "key-2", 3, "commit");
    await until("all events are delivered", () => allDelivered(303));
    await until("the daemon sleeps", () => isGateHeld(database.pool));
    await write(client, "key-1", 1, "commit");
    await until("one more is delivered", () => allDelivered(304), 5_000);
    await assertInOrder(receiver.requests("/calm"));
  });

  test("gets the events of one key while a request of another hangs that has many waiting", async (t) => {
    receiver.script("/hanging", ({ headers }) =>
      headers["postrider-ordering-key"] === "key-1" ? { kind: "hang" } : OK,
    );
    await createOrdered("/hanging", { timeout_ms: 30_000 });
    const { daemon } = await startDaemon(database.url);
    t.after(() => daemon.stop());
    const client = await openSession(t, database.url);
    await write(client, "key-1", 100, "commit");
    await until("the request hangs", () => receiver.requests("/hanging").length === 1);
    await write(client, "key-2", 3, "commit");
    await until("the other key is delivered", () => receiver.requests("/hanging").length === 4, 10_000);
    receiver.script("/hanging", () => OK);
    receiver.release("/hanging");
  });
});
