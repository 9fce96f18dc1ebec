/** What a daemon reports about its endpoints' states, however they change. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import { makeEndpointWatch } from "../../../src/daemon/upkeep/endpointWatch.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { KeptEvents, startDaemon } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { createEndpoint, insertEvent, openSession, reset } from "../../support/engine.ts";
import { ScriptedReceiver, status } from "../../support/scriptedReceiver.ts";
import { until } from "../../support/until.ts";

const NAMES = ["endpoint.paused", "endpoint.resumed", "endpoint.disabled", "endpoint.enabled"] as const;

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

/** A watch that looks every 20 ms, and has looked once. */
async function watch(t: TestContext): Promise<KeptEvents> {
  const pool = new Database({
    config: connectionConfig({ databaseUrl: database.url, applicationName: "watch" }),
    purpose: "pipeline",
    max: 1,
  });
  const emitted = new KeptEvents();
  const looks = t.mock.method(pool, "run");
  const endpointWatch = makeEndpointWatch({ database: pool, events: emitted, intervalMs: 20 });
  t.after(async () => {
    await endpointWatch.stop();
    await pool.end();
  });
  endpointWatch.start();
  await until("it has looked", () => looks.mock.callCount() > 1);
  return emitted;
}

/** Name, endpoint and reason of each change, in order. */
function changesIn({ kept }: KeptEvents): unknown[] {
  return kept.flatMap(({ name, fields }) =>
    NAMES.some((one) => one === name) && "endpoint_id" in fields && "reason" in fields
      ? [[name, fields.endpoint_id, fields.reason]]
      : [],
  );
}

test("each change by function or by hand is reported once, in order and with its reason, however quickly it is undone", async (t) => {
  const endpoint = await createEndpoint(database.pool);
  await database.pool.query("select postrider.pause_endpoint($1, 'before the watch')", [endpoint]);
  const emitted = await watch(t);
  for (const statement of [
    "select postrider.resume_endpoint($1)",
    "update postrider.endpoint set state = 'paused', state_reason = 'by hand' where id = $1",
    "update postrider.endpoint set url = 'http://other.test/' where id = $1",
    "update postrider.endpoint set state = 'active' where id = $1",
    "select postrider.disable_endpoint($1, 'the customer left')",
    "select postrider.enable_endpoint($1)",
    "delete from postrider.endpoint where id = $1",
  ]) {
    await database.pool.query(statement, [endpoint]);
  }
  const other = await createEndpoint(database.pool, [], { state: "paused" });
  await until("all of it is reported", () => emitted.named("endpoint.paused").length === 2);
  assert.deepEqual(changesIn(emitted), [
    ["endpoint.resumed", endpoint, null],
    ["endpoint.paused", endpoint, "by hand"],
    ["endpoint.resumed", endpoint, null],
    ["endpoint.disabled", endpoint, "the customer left"],
    ["endpoint.enabled", endpoint, null],
    ["endpoint.paused", other, null],
  ]);
});

test("a change is reported once it is committed, also by a transaction that began before others", async (t) => {
  const [slow, quick] = [await createEndpoint(database.pool), await createEndpoint(database.pool)];
  const emitted = await watch(t);
  const session = await openSession(t, database.url);
  await session.query("begin");
  await session.query("select postrider.pause_endpoint($1, 'slow')", [slow]);
  await database.pool.query("select postrider.pause_endpoint($1, 'quick')", [quick]);
  await until("the quick one is reported", () => emitted.named("endpoint.paused").length === 1);
  await session.query("commit");
  await until("the slow one is reported", () => emitted.named("endpoint.paused").length === 2);
  assert.deepEqual(changesIn(emitted), [
    ["endpoint.paused", quick, "quick"],
    ["endpoint.paused", slow, "slow"],
  ]);
});

test("a daemon reports what a 410 and nothing but failures disabled, with the reason, and the delivery that is discarded", async (t) => {
  const { daemon, emitted } = await startDaemon(database.url, { pollIntervalMs: 3_600_000 });
  t.after(() => daemon.stop());
  receiver.script("/gone", status(410));
  receiver.script("/failing", status(500));
  const [gone, failing] = [await endpointTo("/gone", "gone"), await endpointTo("/failing", "failing")];
  const event = await insertEvent(database.pool, "gone.event");
  await insertEvent(database.pool, "failing.event");
  await until("the failure is recorded", async () => {
    const aged = await database.pool.query(
      "update postrider.endpoint_failure set failing_since = failing_since - interval '2 minutes' where endpoint_id = $1",
      [failing],
    );
    await database.pool.query(
      "update postrider.endpoint set state_changed_at = now() - interval '2 minutes' where id = $1",
      [failing],
    );
    return aged.rowCount === 1;
  });
  await insertEvent(database.pool, "failing.event");
  await until("both are reported", () => emitted.named("endpoint.disabled").length === 2, 10_000);
  const reasons = new Map(emitted.named("endpoint.disabled").map((fields) => [fields.endpoint_id, fields.reason]));
  assert.equal(reasons.get(gone), "the receiver answered 410 Gone");
  assert.match(reasons.get(failing) ?? "", /^nothing but failures since .*: the receiver answered 500$/);
  await until("the discarded one is reported", () => emitted.named("delivery.discarded").length > 0);
  assert.deepEqual(emitted.named("delivery.discarded"), [
    { event_id: event, endpoint_id: gone, event_type: "gone.event", reason: "the receiver answered 410 Gone" },
  ]);
});

async function endpointTo(path: string, noun: string): Promise<string> {
  const { rows } = await database.pool.query(
    "select endpoint_id from postrider.create_endpoint($1, array[$2], '', '{\"disable_after\": \"1 minute\"}')",
    [receiver.url(path), `${noun}.*`],
  );
  return rows[0].endpoint_id;
}
