/** The kit at a pull endpoint: a process that is killed loses nothing, and handles nothing twice. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { parseSecret } from "../../src/format/sign.ts";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { pullEvents } from "../../src/receive/pull.ts";
import type { PullProcessOptions } from "../receive/pullProcess.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents } from "../support/engine.ts";
import { startListener } from "../support/listener.ts";
import { createPullEndpoint } from "../support/pulling.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const office = useDatabase({ template: "empty" });

const EVENTS = 300;
/** Where a process dies: within the transaction of an event, or once a page is handled but not acknowledged. */
const DEATHS = [
  { afterEvents: 25, place: "handler" },
  { afterEvents: 40, place: "page" },
  { afterEvents: 75, place: "handler" },
  { afterEvents: 1, place: "page" },
] as const;
const PROCESS = new URL("../receive/pullProcess.ts", import.meta.url).pathname;

function start(options: PullProcessOptions): ChildProcess {
  return spawn(process.execPath, [PROCESS, JSON.stringify(options)], { stdio: ["ignore", "inherit", "inherit"] });
}

test("a process that is killed again and again handles each event once, and the last one acknowledges all", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const endpoint = await createPullEndpoint(database.pool);
  const token = String(await askFor(database.pool, "select postrider.create_pull_token($1)", [endpoint]));
  const secret = String(
    await askFor(database.pool, "select secret from postrider.endpoint_secret where endpoint_id = $1", [endpoint]),
  );
  assert.equal(parseSecret(secret).kind, "key");
  await office.pool.query(`${inboxSql()}; create table effect (event_id text primary key, count integer not null)`);
  const events = await insertEvents(database.pool, "order.paid", EVENTS);
  const source = { url: `${url}/v1/endpoints/${endpoint}/events`, token, limit: 40 };
  const options = { ...source, secret, databaseUrl: office.url, death: null };
  const handled = () => askFor(office.pool, "select count(*)::integer from effect").then(Number);

  for (const death of DEATHS) {
    const child = start({ ...options, death });
    assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
  }
  assert.ok((await handled()) < EVENTS);
  const last = start(options);
  await until("it has handled all", async () => (await handled()) === EVENTS);
  last.kill("SIGTERM");
  assert.deepEqual(await once(last, "exit"), [0, null]);

  assert.deepEqual(
    await askFor(office.pool, "select array_agg(event_id order by event_id) from effect"),
    events.toSorted(),
  );
  assert.equal(await askFor(office.pool, "select max(count) from effect"), 1);
  const acknowledged = "select count(*)::integer from postrider.delivery where state = 'succeeded'";
  await until("all is acknowledged", async () => (await askFor(database.pool, acknowledged)) === EVENTS);

  // Nothing is left for the next one, in either form.
  const stop = new AbortController();
  const seen: string[] = [];
  const [another] = await insertEvents(database.pool, "order.paid", 1);
  for await (const { id } of pullEvents({ ...source, secrets: [secret], signal: stop.signal })) {
    seen.push(id);
    stop.abort();
  }
  assert.deepEqual(seen, [another]);
});
