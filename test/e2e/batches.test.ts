/** Several events in one request: what the receiver gets, whatever happens to the daemons and to the events. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { DaemonProcess, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

/** Nothing in a test that starts a daemon with it waits for the poll. */
const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };
/** Of a batch that is only sent when it is full, or when the test says so. */
const LONG_DELAY_MS = 600_000;

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

interface Route {
  readonly path: string;
  readonly endpoint: string;
  readonly requests: readonly Received[];
}

/** An endpoint that gets everything, and verifies what it gets. */
async function route(
  options: Readonly<Record<string, unknown>>,
  answer: Answer | ((received: Received) => Answer) = OK,
): Promise<Route> {
  const path = `/${randomUUID()}`;
  receiver.script(path, answer);
  const [row] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    "select * from postrider.create_endpoint($1, '{*}', '', $2)",
    [receiver.url(path), JSON.stringify(options)],
  );
  assert.ok(row !== undefined);
  receiver.verify(path, row.secret);
  return { path, endpoint: row.endpoint_id, requests: receiver.requests(path) };
}

async function run(t: TestContext, changes: Partial<Config> = NO_POLL): Promise<RunningDaemon> {
  const running = await startDaemon(database.url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

interface Item {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: { readonly poison?: boolean };
}

/** What a receiver makes of a request. */
function itemsOf({ verification, headers, body }: Received): readonly Item[] {
  assert.equal(verification, "verified");
  assert.equal(headers["content-type"], "application/json");
  const items: unknown = JSON.parse(body.toString());
  assert.ok(Array.isArray(items), body.toString());
  return items;
}

function idsOf(received: Received): string[] {
  return itemsOf(received).map(({ id }) => id);
}

function request({ requests }: Route, place: number): Received {
  const received = requests[place];
  assert.ok(received !== undefined, `there is no request ${place}`);
  return received;
}

/** Waits until so many deliveries of the endpoint are in that state. */
async function reached({ endpoint }: Route, state: string, count: number): Promise<void> {
  await until(
    `${count} deliveries are ${state}`,
    async () =>
      Number(
        await askFor(database.pool, "select count(*) from postrider.delivery where endpoint_id = $1 and state = $2", [
          endpoint,
          state,
        ]),
      ) === count,
  );
}

/** What waits for its next attempt is due now, and what was leased has lost its lease. */
async function makeDue(): Promise<void> {
  await database.pool.query(
    `update postrider.delivery set next_attempt_at = now() - interval '1 ms', leased_by = null, lease_expires_at = null
     where state = 'pending'`,
  );
  await database.pool.query("select postrider_internal.notify_daemons('operator')");
}

describe("what a receiver of batches gets", () => {
  test("is full batches, each signed once under its own id, with the id of each event in its item", async (t) => {
    const to = await route({ batch_size: 10, batch_delay_ms: LONG_DELAY_MS });
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", 30);
    await reached(to, "succeeded", 30);
    assert.deepEqual(
      to.requests.map((received) => idsOf(received).length),
      [10, 10, 10],
    );
    assert.deepEqual(to.requests.flatMap(idsOf).toSorted(), events.toSorted());
    const ids = to.requests.map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
    for (const [place, received] of to.requests.entries()) {
      assert.deepEqual(idsOf(received), idsOf(received).toSorted());
      assert.ok(!events.includes(received.id));
      assert.equal(received.headers["postrider-attempt"], "1");
      assert.equal(received.headers["postrider-event-type"], undefined);
      const attempts = await rowsOf<{ event: string; number: number; status: number }>(
        database.pool,
        `select event_id as event, attempt_number as number, http_status as status from postrider.attempt
         where batch_id = $1 order by event_id`,
        [ids[place]],
      );
      assert.deepEqual(
        attempts,
        idsOf(received).map((event) => ({ event, number: 1, status: 200 })),
      );
    }
  });

  test("is each payload as it was written", async (t) => {
    const to = await route({ batch_size: 2, batch_delay_ms: LONG_DELAY_MS });
    await run(t);
    const payloads = ['{"b":1.10,  "a":12345678901234567890}', '["\\u00e9", "é", {"x":1,"x":2}]'];
    for (const payload of payloads) {
      await insertEvent(database.pool, "order.paid", { payload });
    }
    await receiver.got(to.path, 1);
    const body = request(to, 0).body.toString();
    for (const payload of payloads) {
      assert.ok(body.includes(`"data":${payload}}`), body);
    }
  });

  test("in the format cloudevents is a batch of CloudEvents", async (t) => {
    const to = await route({ batch_size: 2, batch_delay_ms: LONG_DELAY_MS, format: "cloudevents" });
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", 2);
    await receiver.got(to.path, 1);
    const { headers, body, verification } = request(to, 0);
    assert.deepEqual([headers["content-type"], verification], ["application/cloudevents-batch+json", "verified"]);
    const items: readonly Readonly<Record<string, unknown>>[] = JSON.parse(body.toString());
    assert.deepEqual(
      items.map(({ specversion, id, type }) => [specversion, id, type]),
      events.toSorted().map((id) => ["1.0", id, "order.paid"]),
    );
  });

  test("is what there is once the first event has waited for batch_delay_ms", async (t) => {
    const delayMs = 1_000;
    const to = await route({ batch_size: 10, batch_delay_ms: delayMs });
    await run(t);
    const beganMs = performance.now();
    await insertEvents(database.pool, "order.paid", 2);
    await insertEvent(database.pool, "order.shipped");
    await receiver.got(to.path, 1);
    assert.ok(request(to, 0).atMs - beganMs >= delayMs);
    assert.deepEqual(
      itemsOf(request(to, 0)).map(({ type }) => type),
      ["order.paid", "order.paid", "order.shipped"],
    );
  });

  test("is an array of one, under the event's id, for an event that nothing joins", async (t) => {
    const to = await route({ batch_size: 10, batch_delay_ms: 0 });
    await run(t);
    const event = await insertEvent(database.pool, "order.paid");
    await reached(to, "succeeded", 1);
    assert.deepEqual([request(to, 0).id, ...idsOf(request(to, 0))], [event, event]);
    assert.equal(request(to, 0).headers["postrider-event-type"], "order.paid");
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.attempt where batch_id is null"), 1);
  });

  test("is no more than a mebibyte of payloads in a request, and larger payloads alone", async (t) => {
    const to = await route({ batch_size: 100, batch_delay_ms: 0 });
    const payload = JSON.stringify("x".repeat(30_000));
    await database.pool.query(
      "insert into postrider.outbox (event_type, payload) select 'large.one', $1 from generate_series(1, 40)",
      [payload],
    );
    const huge = await insertEvent(database.pool, "huge.one", { payload: JSON.stringify("x".repeat(100_000)) });
    await run(t);
    await reached(to, "succeeded", 41);
    const lengths = to.requests.map((received) => idsOf(received).length);
    assert.deepEqual(lengths.toSorted(), [1, 34, 6]);
    assert.ok(to.requests.every(({ body }) => body.length < 1_100_000));
    assert.deepEqual(
      to.requests.filter(({ id }) => id === huge).map((received) => idsOf(received)),
      [[huge]],
    );
  });
});

describe("a batch that fails", () => {
  test("is sent again with the same members under the same id, and its deliveries have one outcome", async (t) => {
    const to = await route({ batch_size: 5, retry_schedule: ["100 ms", "1 hour"] }, ({ nth }) =>
      nth === 1 ? status(500) : OK,
    );
    await run(t);
    await insertEvents(database.pool, "order.paid", 5);
    await reached(to, "succeeded", 5);
    const [first, second] = [request(to, 0), request(to, 1)];
    assert.equal(to.requests.length, 2);
    assert.equal(second.id, first.id);
    assert.deepEqual(second.body, first.body);
    assert.equal(second.headers["postrider-attempt"], "2");
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select attempt_number as number, http_status as status, batch_id = $1 as in_batch, count(*)::int
         from postrider.attempt group by 1, 2, 3 order by 1`,
        [first.id],
      ),
      [
        { number: 1, status: 500, in_batch: true, count: 5 },
        { number: 2, status: 200, in_batch: true, count: 5 },
      ],
    );
  });

  test("for as long as the receiver is not ready stays whole, however often", async (t) => {
    const to = await route({ batch_size: 3, retry_schedule: ["50 ms", "50 ms", "50 ms", "50 ms"] }, ({ nth }) =>
      nth < 5 ? status(503) : OK,
    );
    await run(t);
    await insertEvents(database.pool, "order.paid", 3);
    await reached(to, "succeeded", 3);
    assert.equal(new Set(to.requests.map(({ id }) => id)).size, 1);
    assert.equal(to.requests.length, 5);
  });

  test("is delivered one by one after its second failure, so that one bad event holds up no other", async (t) => {
    const isBad = (received: Received) => itemsOf(received).some(({ data }) => data.poison === true);
    const to = await route({ batch_size: 5, retry_schedule: ["50 ms", "1 hour", "1 hour"] }, (received) =>
      isBad(received) ? status(400) : OK,
    );
    await run(t);
    await database.pool.query(
      `insert into postrider.outbox (event_type, payload)
       select 'order.paid', json_build_object('poison', n = 3) from generate_series(1, 5) n`,
    );
    await reached(to, "succeeded", 4);
    await until("the bad event has failed alone", async () => (await attemptsOfPending()) === 3);
    assert.deepEqual(
      to.requests.map((received) => idsOf(received).length),
      [5, 5, 1, 1, 1, 1, 1],
    );
    for (const received of to.requests.slice(2)) {
      assert.deepEqual(idsOf(received), [received.id]);
    }
  });

  test("at the end of the schedule gives each event one attempt alone", async (t) => {
    const to = await route({ batch_size: 2, retry_schedule: [] }, (received) =>
      itemsOf(received).some(({ data }) => data.poison === true) ? status(500) : OK,
    );
    await run(t);
    await insertEvent(database.pool, "order.paid");
    await insertEvent(database.pool, "order.paid", { payload: '{"poison": true}' });
    await reached(to, "succeeded", 1);
    await reached(to, "exhausted", 1);
    assert.equal(to.requests.length, 3);
  });

  test("with 410 disables its endpoint, and all of it is discarded", async (t) => {
    const to = await route({ batch_size: 4 }, status(410));
    await run(t);
    await insertEvents(database.pool, "order.paid", 4);
    await reached(to, "discarded", 4);
    assert.equal(await askFor(database.pool, "select state from postrider.endpoint"), "disabled");
  });
});

function attemptsOfPending(): Promise<number> {
  return askFor(database.pool, "select max(attempts) from postrider.delivery where state = 'pending'").then(Number);
}

describe("a batch whose daemon is killed while the request is in progress", () => {
  test("is sent again by another daemon with the same members under the same id", async (t) => {
    const to = await route({ batch_size: 6, batch_delay_ms: LONG_DELAY_MS }, { kind: "hang" });
    const first = await DaemonProcess.start({ databaseUrl: database.url });
    await insertEvents(database.pool, "order.paid", 6);
    await receiver.got(to.path, 1);
    await first.kill();
    receiver.script(to.path, OK);
    // More that could share a request must not join it.
    await insertEvents(database.pool, "order.paid", 3);
    await makeDue();
    await run(t);
    await reached(to, "succeeded", 6);
    assert.equal(to.requests.length, 2);
    assert.equal(request(to, 1).id, request(to, 0).id);
    assert.deepEqual(request(to, 1).body, request(to, 0).body);
  });

  test("is not divided among the daemons that find it", async (t) => {
    const to = await route({ batch_size: 50, batch_delay_ms: LONG_DELAY_MS }, { kind: "hang" });
    const first = await DaemonProcess.start({ databaseUrl: database.url });
    await insertEvents(database.pool, "order.paid", 200);
    await receiver.got(to.path, 4);
    await first.kill();
    receiver.script(to.path, OK);
    const before = new Set(to.requests.map(({ id }) => id));
    await Promise.all([run(t), run(t), run(t)]);
    await makeDue();
    await reached(to, "succeeded", 200);
    assert.deepEqual(new Set(to.requests.map(({ id }) => id)), before);
    assert.equal(to.requests.length, 8);
  });
});

describe("a batch that an event leaves", () => {
  const changes = {
    cancelled: "select postrider.cancel($1, $2)",
    erased: "select postrider.erase_event($1)",
    "sent again by hand": "select postrider.redeliver($1, $2)",
  };
  for (const [what, statement] of Object.entries(changes)) {
    test(`because it is ${what} has a new id`, async (t) => {
      const to = await route({ batch_size: 4, retry_schedule: ["1 hour", "1 hour"] }, status(503));
      await run(t);
      const events = await insertEvents(database.pool, "order.paid", 4);
      await receiver.got(to.path, 1);
      await until("the failure is recorded", async () => (await attemptsOfPending()) === 1);
      receiver.script(to.path, OK);
      const [left] = events;
      await database.pool.query(statement, statement.includes("$2") ? [left, to.endpoint] : [left]);
      await makeDue();
      await reached(to, "succeeded", what === "sent again by hand" ? 4 : 3);
      const rest = to.requests.slice(1).filter((received) => idsOf(received).length === 3);
      assert.equal(rest.length, 1);
      assert.notEqual(rest[0]?.id, request(to, 0).id);
      assert.deepEqual(rest.flatMap(idsOf).toSorted(), events.filter((event) => event !== left).toSorted());
    });
  }

  test("because it is cancelled during the request is sent again under a new id", async (t) => {
    const to = await route({ batch_size: 3, retry_schedule: ["50 ms", "1 hour"] }, { kind: "hang" });
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", 3);
    await receiver.got(to.path, 1);
    assert.equal(await askFor(database.pool, "select postrider.cancel($1, $2)", [events[1], to.endpoint]), "pending");
    receiver.script(to.path, OK);
    receiver.release(to.path, 503);
    await reached(to, "succeeded", 2);
    await reached(to, "discarded", 1);
    assert.equal(to.requests.length, 2);
    assert.notEqual(request(to, 1).id, request(to, 0).id);
    assert.equal(idsOf(request(to, 1)).length, 2);
  });
});

describe("what is recorded of a batch", () => {
  test("has the receiver's answer once, and none if one of its events is erased", async (t) => {
    const to = await route({ batch_size: 3 }, { kind: "status", status: 200, body: "thanks for all three" });
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", 3);
    await reached(to, "succeeded", 3);
    const bodies = () =>
      rowsOf<{ body: string }>(
        database.pool,
        "select response_body as body from postrider.attempt where response_body is not null",
      );
    assert.deepEqual(await bodies(), [{ body: "thanks for all three" }]);
    await database.pool.query("select postrider.erase_event($1)", [events.toSorted()[2]]);
    assert.deepEqual(await bodies(), []);
  });

  test("is told by explain_event, delivery_status, in_flight and the log", async (t) => {
    const to = await route({ batch_size: 2, batch_delay_ms: LONG_DELAY_MS }, { kind: "hang" });
    const { emitted } = await run(t);
    const event = await insertEvent(database.pool, "order.paid");
    const told = async () =>
      (
        await rowsOf(
          database.pool,
          `select s.detail, s.batch_id as batch, x.outcome, x.explanation
           from postrider.delivery_status s cross join postrider.explain_event(s.event_id) x where s.event_id = $1`,
          [event],
        )
      )[0];
    await until("the event waits", async () => (await told())?.detail === "batching");
    assert.match(String((await told())?.explanation), /waits for other events to share its request/);
    await insertEvent(database.pool, "order.paid");
    await receiver.got(to.path, 1);
    const { id } = request(to, 0);
    assert.deepEqual(await rowsOf(database.pool, "select distinct batch_id as batch from postrider.in_flight"), [
      { batch: id },
    ]);
    receiver.release(to.path);
    await reached(to, "succeeded", 2);
    const { detail, batch, explanation } = (await told()) ?? {};
    assert.deepEqual([detail, batch], ["succeeded", id]);
    assert.match(String(explanation), new RegExp(`batch ${id}`));
    assert.deepEqual(
      emitted.named("delivery.attempted").map(({ batch_id }) => batch_id),
      [id, id],
    );
  });
});

test("a pause holds a batch back, and a clean stop leaves it to the next daemon as it is", async (t) => {
  const to = await route({ batch_size: 3, retry_schedule: ["1 hour"] }, { kind: "hang" });
  const first = await startDaemon(database.url, { ...NO_POLL, shutdownGraceMs: 100 });
  await insertEvents(database.pool, "order.paid", 3);
  await receiver.got(to.path, 1);
  await database.pool.query("select postrider.pause_endpoint($1, 'maintenance')", [to.endpoint]);
  await first.daemon.stop();
  assert.equal(await askFor(database.pool, "select count(*)::int from postrider.delivery where leased_by is null"), 3);
  receiver.script(to.path, OK);
  await run(t);
  assert.equal(to.requests.length, 1);
  await database.pool.query("select postrider.resume_endpoint($1)", [to.endpoint]);
  await reached(to, "succeeded", 3);
  assert.equal(request(to, 1).id, request(to, 0).id);
});

test("an endpoint without batches takes none to the queue", async (t) => {
  const to = await route({});
  await run(t);
  await insertEvents(database.pool, "order.paid", 3);
  await reached(to, "succeeded", 3);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      "select count(*)::int as first, count(batch_id)::int as batched from postrider.delivery where first_attempt_id is not null",
    ),
    [{ first: 3, batched: 0 }],
  );
  assert.equal(JSON.parse(request(to, 0).body.toString()).type, "order.paid");
});
