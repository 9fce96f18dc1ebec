/** What a daemon counted is appended when the minute is over, and when it stops. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CommandProcess } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const SETTINGS = { POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" };

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());

test("every attempt is in the minutes once the daemon has stopped, and each event that no endpoint got", async (t) => {
  const { pool, url } = database;
  const [sound, failing] = [
    await endpoint("/sound", '{"retry_schedule": ["200 ms"]}'),
    await endpoint("/failing", '{"retry_schedule": ["200 ms"]}'),
  ];
  let requests = 0;
  receiver.script("/sound", () => (requests++ === 0 ? status(503) : OK));
  receiver.script("/failing", () => status(500));
  const daemon = new CommandProcess(["run"], { env: { DATABASE_URL: url, ...SETTINGS } });
  t.after(() => daemon.end("SIGKILL"));
  await daemon.match(/"event":"daemon\.started"/);
  for (let count = 0; count < 3; count++) {
    await insertEvent(pool, "order.paid");
  }
  await insertEvent(pool, "order.paid", { tenant: "acme" });
  await until("all deliveries have ended", async () =>
    Boolean(await askFor(pool, "select count(*) = 6 from postrider.delivery where state <> 'pending'")),
  );
  const [sent] = await rowsOf<{ event_id: string }>(
    pool,
    "select event_id from postrider.delivery where endpoint_id = $1 and attempts = 1 limit 1",
    [sound],
  );
  await pool.query("select postrider.redeliver($1, $2)", [sent?.event_id, sound]);
  await until("it is sent again", async () =>
    Boolean(
      await askFor(
        pool,
        "select count(*) = 1 from postrider.delivery where endpoint_id = $1 and state = 'succeeded' and attempts_before = 1",
        [sound],
      ),
    ),
  );
  assert.deepEqual(await daemon.end(), { code: 0, signal: null }, daemon.said());

  const minutes = await rowsOf<{ failures: Record<string, number>; requests: number; delays: number }>(
    pool,
    `select endpoint_id = $1 as is_sound, sum(succeeded_first)::int as first, sum(succeeded_later)::int as later,
            sum(failed)::int as failed, sum(exhausted)::int as exhausted, sum(sent_again)::int as again,
            sum(failed_again)::int as failed_again, sum(sent_bytes)::int as bytes,
            sum((select sum(n) from unnest(request_ms) n))::int as requests,
            sum((select sum(n) from unnest(delay_ms) n))::int as delays
     from postrider.endpoint_minute group by 1 order by 1 desc`,
    [sound],
  );
  const bytes = (path: string) => receiver.requests(path).reduce((sum, { body }) => sum + body.byteLength, 0);
  assert.deepEqual(minutes, [
    {
      is_sound: true,
      first: 2,
      later: 2,
      failed: 1,
      exhausted: 0,
      again: 1,
      failed_again: 0,
      bytes: bytes("/sound"),
      requests: 5,
      delays: 3,
    },
    {
      is_sound: false,
      first: 0,
      later: 0,
      failed: 6,
      exhausted: 3,
      again: 0,
      failed_again: 0,
      bytes: bytes("/failing"),
      requests: 6,
      delays: null,
    },
  ]);
  assert.equal(await askFor(pool, "select count(*)::int from postrider.attempt"), 11);
  const failures = "select sum((failures ->> '500')::int)::int from postrider.endpoint_minute where endpoint_id = $1";
  assert.equal(await askFor(pool, failures, [failing]), 6);
  const totals = await rowsOf(
    pool,
    `select sum(claimed)::int as claimed, sum(succeeded_first)::int as first, sum(failed)::int as failed,
            sum(exhausted)::int as exhausted, min(in_flight_max) >= 0 as has_load
     from postrider.daemon_minute where daemon_id is not null`,
  );
  assert.deepEqual(totals, [{ claimed: 4, first: 2, failed: 7, exhausted: 3, has_load: true }]);
  const unmatched =
    "select tenant, event_type, sum(events)::int as events from postrider.unmatched_minute group by 1, 2";
  assert.deepEqual(await rowsOf(pool, unmatched), [{ tenant: "acme", event_type: "order.paid", events: 1 }]);
});

test("an idle minute of a daemon has a row, because one without means that no daemon lived", async (t) => {
  const { pool, url } = database;
  await pool.query("delete from postrider.daemon_minute");
  const daemon = new CommandProcess(["run"], { env: { DATABASE_URL: url, ...SETTINGS } });
  t.after(() => daemon.end("SIGKILL"));
  await daemon.match(/"event":"daemon\.started"/);
  assert.deepEqual(await daemon.end(), { code: 0, signal: null }, daemon.said());
  const idle = await rowsOf(
    pool,
    `select claimed, flushes, in_flight_max, daemon_id is not null as has_daemon, sent_bytes::int
     from postrider.daemon_minute order by minute limit 1`,
  );
  assert.deepEqual(idle, [{ claimed: 0, flushes: 0, in_flight_max: 0, has_daemon: true, sent_bytes: 0 }]);
});

async function endpoint(path: string, options: string): Promise<string> {
  const id = await askFor(database.pool, "select endpoint_id from postrider.create_endpoint($1, '{order.*}', '', $2)", [
    receiver.url(path),
    options,
  ]);
  return String(id);
}
