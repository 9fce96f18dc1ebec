/** What is sent is decided before the first attempt, in Postgres, and every attempt sends that. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { type KeptEvents, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, claimAll, reset, rowsOf } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

let pathCount = 0;

interface Target {
  readonly id: string;
  readonly path: string;
}

/** An endpoint that gets every event, raw. */
async function target(
  options: Record<string, unknown>,
  answer: Answer | ((request: Received) => Answer) = OK,
): Promise<Target> {
  pathCount += 1;
  const path = `/${pathCount}`;
  const [made] = await rowsOf<{ id: string; secret: string }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint($1, options => $2::text::jsonb)",
    [receiver.url(path), JSON.stringify({ format: "raw", retry_schedule: ["200 ms", "200 ms"], ...options })],
  );
  assert.ok(made !== undefined);
  receiver.script(path, answer);
  receiver.verify(path, made.secret);
  return { id: made.id, path };
}

async function run(t: TestContext): Promise<KeptEvents> {
  const { daemon, emitted } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  return emitted;
}

async function publish(payload: string): Promise<string> {
  return String(await askFor(database.pool, "select postrider.publish('order.paid', $1::text::json)", [payload]));
}

async function requests({ path }: Target, count: number): Promise<readonly Received[]> {
  await until(`${count} requests arrive at ${path}`, () => receiver.requests(path).length >= count);
  const received = receiver.requests(path);
  assert.ok(received.every(({ verification }) => verification === "verified"));
  return received;
}

async function edit({ id }: Target, set: string): Promise<void> {
  await database.pool.query(`update postrider.endpoint set ${set} where id = $1`, [id]);
}

interface Status {
  readonly state: string;
  readonly reason: string | null;
  readonly transformation: string | null;
}

async function ended(event: string, { id }: Target): Promise<Status> {
  let found: Status | undefined;
  await until("the delivery is finished", async () => {
    [found] = await rowsOf<Status>(
      database.pool,
      "select state, reason, transformation from postrider.delivery_status where event_id = $1 and endpoint_id = $2",
      [event, id],
    );
    return found !== undefined && found.state !== "pending";
  });
  assert.ok(found !== undefined);
  return found;
}

const textOf = ({ body }: Received) => body.toString();

describe("an endpoint with a transformation", () => {
  test("gets what it makes, in every attempt the same, whatever becomes of the option", async (t) => {
    const failing = await target({ payload: { id: "$.order_id", event: "$event.id" } }, status(500));
    const other = await target({});
    await run(t);
    const event = await publish('{"order_id": 42, "secret": 1}');
    await requests(failing, 1);
    await edit(failing, 'payload = \'{"changed": "$.order_id"}\'');
    await requests(failing, 2);
    await edit(failing, "payload = null");
    const received = await requests(failing, 3);
    assert.deepEqual(
      received.map(textOf),
      received.map(() => `{"id": 42, "event": "${event}"}`),
    );
    assert.deepEqual((await requests(other, 1)).map(textOf), ['{"order_id": 42, "secret": 1}']);
    assert.deepEqual(await ended(event, failing), { state: "exhausted", reason: null, transformation: "applied" });
    assert.deepEqual(await ended(event, other), { state: "succeeded", reason: null, transformation: null });
  });

  test("gets a delivery as it began, if it began before there was a transformation", async (t) => {
    const failing = await target({}, status(500));
    await run(t);
    const event = await publish('{"order_id": 42}');
    await requests(failing, 1);
    await edit(failing, 'payload = \'{"id": "$.order_id"}\', headers = \'{"x-id": "$.order_id"}\'');
    const received = await requests(failing, 3);
    assert.deepEqual(
      received.map(textOf),
      received.map(() => '{"order_id": 42}'),
    );
    assert.equal((await ended(event, failing)).transformation, null);
  });

  test("gets a delivery that is sent again by hand, or by a replay, as the option has it by then", async (t) => {
    const chosen = await target({ payload: "$.a" });
    await run(t);
    const event = await publish('{"a": 1, "b": 2}');
    await requests(chosen, 1);
    await ended(event, chosen);
    await edit(chosen, "payload = '$.b'");
    await database.pool.query("select postrider.redeliver($1, $2)", [event, chosen.id]);
    await requests(chosen, 2);
    await ended(event, chosen);
    await edit(chosen, 'payload = \'{"both": ["$.a", "$.b"]}\'');
    await database.pool.query(
      "select postrider.replay($1, now() - interval '1 hour', now() + interval '1 hour', states => '{succeeded}')",
      [chosen.id],
    );
    assert.deepEqual((await requests(chosen, 3)).map(textOf), ["1", "2", '{"both": [1, 2]}']);
  });

  test("gets its headers, which replace those of its other deliveries", async (t) => {
    const chosen = await target({
      headers: {
        "Content-Type": "$.type",
        "x-tenant": "$event.tenant",
        "x-id": "$.id",
        "x-price": "$$5",
        "x-none": "$.none",
      },
    });
    await run(t);
    await publish('{"type": "text/plain", "id": 7}');
    await publish('{"id": 8}');
    const received = await requests(chosen, 2);
    const seen = received
      .map(({ headers, body }) => [
        body.toString(),
        headers["content-type"],
        headers["x-id"],
        headers["x-price"],
        headers["x-none"],
        headers["x-tenant"],
      ])
      .sort();
    assert.deepEqual(seen, [
      ['{"id": 8}', "application/json", "8", "$5", undefined, undefined],
      ['{"type": "text/plain", "id": 7}', "text/plain", "7", "$5", undefined, undefined],
    ]);
  });

  test("gets results that are too large for a walk", async (t) => {
    const chosen = await target({ payload: { copy: ["$.a", "$.a"] } });
    await run(t);
    const long = "x".repeat(60_000);
    await Promise.all(Array.from({ length: 5 }, (_, n) => publish(JSON.stringify({ a: `${n}${long}` }))));
    const received = await requests(chosen, 5);
    assert.deepEqual(
      received.map(textOf).sort(),
      Array.from({ length: 5 }, (_, n) => `{"copy": ["${n}${long}", "${n}${long}"]}`),
    );
  });

  test("gets nothing, or all, of an event that it cannot be applied to, and the others are not kept", async (t) => {
    const strict = await target({ payload: "$.a" });
    const whole = await target({ payload: "$.a", payload_fallback: "whole", headers: { "x-a": "$.a", "x-b": "b" } });
    const emitted = await run(t);
    const [missing, unreadable, good] = [
      await publish('{"b": 1}'),
      await publish('{"a": "\\u0000"}'),
      await publish('{"a": 1}'),
    ];
    assert.deepEqual((await requests(whole, 3)).map(textOf).sort(), ["1", '{"a": "\\u0000"}', '{"b": 1}']);
    assert.deepEqual((await requests(strict, 1)).map(textOf), ["1"]);
    assert.deepEqual(
      receiver.requests(whole.path).map(({ headers }) => headers["x-b"]),
      ["b", "b", "b"],
    );
    const problem = "the path $.a gives nothing";
    assert.deepEqual(await ended(missing, strict), {
      state: "discarded",
      reason: `the transformation cannot be applied: ${problem}`,
      transformation: null,
    });
    assert.deepEqual(await ended(missing, whole), {
      state: "succeeded",
      reason: null,
      transformation: `not applied: ${problem}`,
    });
    assert.equal((await ended(unreadable, strict)).state, "discarded");
    assert.equal((await ended(good, strict)).state, "succeeded");
    assert.equal(emitted.named("delivery.untransformed").length, 2);
    const explained = await rowsOf<{ endpoint_id: string; explanation: string; now_explanation: string }>(
      database.pool,
      "select endpoint_id, explanation, now_explanation from postrider.explain_event($1)",
      [missing],
    );
    const of = (id: string) => explained.find(({ endpoint_id }) => endpoint_id === id);
    assert.match(
      of(whole.id)?.explanation ?? "",
      /^delivered .*; transformation not applied: the path \$\.a gives nothing$/,
    );
    assert.equal(
      of(whole.id)?.now_explanation,
      `would be sent, whole: the transformation cannot be applied, because ${problem}; the format is raw`,
    );
    assert.match(
      of(strict.id)?.explanation ?? "",
      /: the transformation cannot be applied: the path \$\.a gives nothing$/,
    );
    assert.equal(
      of(strict.id)?.now_explanation,
      `would be sent; but it would be discarded: the transformation cannot be applied, because ${problem}; the format is raw`,
    );
    // What was discarded is made anew once the option is mended.
    await edit(strict, "payload = '$.b'");
    await database.pool.query("select postrider.replay($1, now() - interval '1 hour', now() + interval '1 hour')", [
      strict.id,
    ]);
    assert.deepEqual((await requests(strict, 2)).map(textOf), ["1", "1"]);
  });

  test("gets what a daemon that is gone had in hand by the option that was set meanwhile", async (t) => {
    const chosen = await target({});
    const event = await publish('{"a": 1}');
    assert.equal((await claimAll(database.pool)).length, 1);
    await edit(chosen, "payload = '$.a'");
    await run(t);
    assert.deepEqual((await requests(chosen, 1)).map(textOf), ["1"]);
    assert.equal((await ended(event, chosen)).transformation, "applied");
  });

  test("leaves nothing of an event that is erased", async (t) => {
    const failing = await target({ payload: "$.a", retry_schedule: ["1 hour"] }, status(500));
    await run(t);
    const event = await publish('{"a": "personal"}');
    await requests(failing, 1);
    await until(
      "what was made is stored",
      async () => (await askFor(database.pool, "select count(*)::int from postrider.transformation")) === 1,
    );
    await database.pool.query("select postrider.erase_event($1)", [event]);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.transformation"), 0);
  });
});
