/**
 * One event's way and a few others', by the commands alone, from an empty database on. It is what runs on each major
 * that is supported; the rest of e2e asks more, of the newest and the oldest.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Status } from "../../src/db/status.ts";
import { CommandProcess, runCommand } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, isGateHeld, openSession, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase({ template: "empty" });
/** Nothing here can have waited for the poll. */
const SETTINGS = {
  POSTRIDER_EGRESS: "custom",
  POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
  POSTRIDER_POLL_INTERVAL: "1h",
};
const PATH = "/hooks";

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());

test("an empty database is migrated, and the events inserted there are sent, signed, tried again and recorded", async (t) => {
  await command(["migrate"]);
  await command(["migrate", "--check"]);
  const [endpoint] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    `select * from postrider.create_endpoint($1, '{order.*}', '', '{"retry_schedule": ["500 ms"]}')`,
    [receiver.url(PATH)],
  );
  receiver.verify(PATH, endpoint?.secret ?? "");
  const writer = await openSession(t, database.url);

  const daemon = new CommandProcess(["run"], { env: { DATABASE_URL: database.url, ...SETTINGS } });
  t.after(() => daemon.end("SIGKILL"));
  await daemon.match(/"event":"daemon\.started"/);

  await daemonSleeps();
  const payload = '{"n": 12345678901234567890.10, "z":1, "a":2}';
  const sent = await insertEvent(writer, "order.paid", { payload });
  await delivered(sent);
  await insertEvent(writer, "customer.created");

  await daemonSleeps();
  await writer.query("begin");
  const undone = await insertEvent(writer, "order.undone");
  await writer.query("rollback");
  receiver.script(PATH, ({ nth }) => (nth === 1 ? status(500) : OK));
  const refused = await insertEvent(writer, "order.refused");
  await delivered(refused);

  const requests = receiver.requests(PATH);
  assert.deepEqual(
    requests.map(({ id, nth, verification }) => ({ id, nth, verification })),
    [
      { id: sent, nth: 1, verification: "verified" },
      { id: refused, nth: 1, verification: "verified" },
      { id: refused, nth: 2, verification: "verified" },
    ],
  );
  assert.ok(String(requests[0]?.body).includes(`"data":${payload}`), String(requests[0]?.body));
  assert.ok(requests.every(({ id }) => id !== undone));
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select event_id as event, attempt_number as number, http_status as status
       from postrider.attempt order by started_at`,
    ),
    [
      { event: sent, number: 1, status: 200 },
      { event: refused, number: 1, status: 500 },
      { event: refused, number: 2, status: 200 },
    ],
  );

  const seen: Status = JSON.parse(await command(["status", "--json"]));
  assert.deepEqual(
    seen.daemons.map(({ state }) => state),
    ["live"],
  );
  const { pending, first_attempts, unclaimed } = seen.backlog;
  assert.deepEqual({ pending, first_attempts, unclaimed }, { pending: 0, first_attempts: 0, unclaimed: 0 });

  assert.deepEqual(await daemon.end("SIGTERM"), { code: 0, signal: null }, daemon.said());
  assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.daemon"), 0);
});

/** What it wrote to stdout. */
async function command(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, { env: { DATABASE_URL: database.url } });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** From then on an insert has to notify. */
function daemonSleeps(): Promise<void> {
  return until("the daemon sleeps", () => isGateHeld(database.pool));
}

async function delivered(event: string): Promise<void> {
  await until(`${event} is delivered`, async () => {
    const state = await askFor(database.pool, "select state from postrider.delivery_status where event_id = $1", [
      event,
    ]);
    return state === "succeeded";
  });
}
