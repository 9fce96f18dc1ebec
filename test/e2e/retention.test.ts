/** Retention by real daemons: what they have delivered goes when its time has come, and what they have not stays. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, openSession, rowsOf } from "../support/engine.ts";
import { addEvents, addPastDays } from "../support/pastDays.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const EVENTS = 40;
const DAYS = 4;
/** The tables of which each day has a partition, in the order in which those are dropped. */
const PARENTS = ["outbox", "delivery", "other_attempt", "transformation"];

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());

test("a daemon drops the days past POSTRIDER_RETENTION in which everything is delivered, while an application inserts", async (t) => {
  const { pool, url } = database;
  const startedMs = Date.now();
  await addPastDays(pool, DAYS);
  for (const [path, answer] of [
    ["/well", OK],
    ["/failing", status(500)],
  ] as const) {
    receiver.script(path, answer);
    await pool.query("select postrider.create_endpoint($1, $2)", [
      receiver.url(path),
      [path === "/well" ? "order.paid" : "order.failed"],
    ]);
  }
  await addEvents(pool, "order.paid", EVENTS, DAYS + 1);
  // Of the third day, which is past its retention, one that is not delivered.
  await pool.query(
    `insert into postrider.outbox (id, event_type, payload)
     values (postrider.uuid_v7_floor(now() - interval '3 days'), 'order.failed', '1')`,
  );
  const count = async (where: string) => Number(await askFor(pool, `select count(*) from postrider.${where}`));
  const first = await startDaemon(url);
  await until("all is tried", async () => (await count("attempt")) > EVENTS);
  // A claim that is done with stays as the cursor until the next one.
  await insertEvent(pool, "order.other");
  await until("nothing is in hand", async () => (await count("claim where cardinality(event_ids) > 0")) === 0);
  await first.daemon.stop();

  const days = async () =>
    (
      await rowsOf<{ n: number }>(
        pool,
        `select n from generate_series(1, ${DAYS}) n
         where to_regclass('postrider.outbox_' || to_char($1::timestamptz at time zone 'UTC' - n * interval '1 day', 'YYYYMMDD')) is not null`,
        [new Date(startedMs)],
      )
    ).map(({ n }) => n);
  const [reader, application] = [await openSession(t, url), await openSession(t, url)];
  await reader.query("begin");
  await reader.query("select from postrider.outbox");
  const { daemon, emitted } = await startDaemon(url, { retentionMs: startedMs - noonOfDayBefore(startedMs, 2) });
  t.after(() => daemon.stop());
  await application.query("set lock_timeout = '2s'");
  await insertEvent(application, "order.paid");
  await until("it arrives beside the reader", async () => (await count("delivery where state = 'succeeded'")) > EVENTS);
  assert.deepEqual(await days(), [1, 2, 3, 4]);
  await reader.query("commit");
  await until("the fourth day is dropped", async () => (await days()).length === 3);
  const fourthDay = new Date(startedMs - DAYS * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "");
  const dropped = () => emitted.named("partition.dropped").map(({ partition }) => partition);
  await until("all of it", () => dropped().length >= PARENTS.length);
  assert.deepEqual(
    dropped(),
    PARENTS.map((parent) => `${parent}_${fourthDay}`),
  );
  assert.deepEqual(await days(), [1, 2, 3]);
  assert.equal(await count("outbox"), EVENTS - EVENTS / (DAYS + 1) + 3);
  assert.equal(await count("delivery where state = 'pending'"), 1);
});

/** Half a day from where a day begins or ends: as the limit of the retention it is in the same day after midnight too. */
function noonOfDayBefore(unixMs: number, days: number): number {
  return unixMs - (unixMs % DAY_MS) - days * DAY_MS + DAY_MS / 2;
}
