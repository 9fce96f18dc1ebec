/** Several processes, and a Postgres that is away when one of them starts. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { ProcessesVitals } from "../../src/processes/processesVitals.ts";
import { supervise } from "../../src/processes/supervisor.ts";
import { FaultProxy, PASS } from "../chaos/proxy.ts";
import { isAlive } from "../support/command.ts";
import { KeptEvents } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { until } from "../support/until.ts";

const SCRIPT = resolve(import.meta.dirname, "../support/supervisedDaemon.ts");
/** A replacement waits so long for Postgres. Long enough for a start on a busy machine that finds it. */
const WAIT_MS = 1_500;

const database = useDatabase();

function start(t: TestContext, databaseUrl: string) {
  const emitted = new KeptEvents();
  const lines: string[] = [];
  const stopping = new AbortController();
  const ended = supervise(
    {
      processes: 2,
      command: [process.execPath, SCRIPT, databaseUrl, String(WAIT_MS)],
      env: process.env,
      events: emitted,
      writeLines: (text) => lines.push(text),
      vitals: new ProcessesVitals(2),
    },
    stopping.signal,
  );
  ended.catch(() => {});
  t.after(async () => {
    stopping.abort();
    await ended.catch(() => {});
  });
  return {
    ended,
    pids: () => emitted.named("process.started").map(({ pid }) => pid),
    endings: () => emitted.named("process.ended"),
    startedCount: () => lines.join("").split('"event":"daemon.started"').length - 1,
    stop: () => stopping.abort(),
  };
}

async function proxied(t: TestContext): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const port = Number(new URL(database.url).port);
  const proxy = await FaultProxy.start(() => port);
  t.after(() => proxy.close());
  return { proxy, url: Object.assign(new URL(database.url), { port: String(proxy.port) }).href };
}

test("a replacement that finds no Postgres ends no sibling, and the next one works", async (t) => {
  const { proxy, url } = await proxied(t);
  const daemons = start(t, url);
  await until("both have started", () => daemons.startedCount() === 2);
  const [first = 0, second = 0] = daemons.pids();
  proxy.set({ kind: "cut" });
  process.kill(first, "SIGKILL");
  await until("a replacement has given up", () => daemons.endings().length === 2);
  assert.match(daemons.endings()[1]?.error ?? "", /^PR0003: cannot connect to Postgres/);
  assert.ok(isAlive(second));
  proxy.set(PASS);
  await until("another has started", () => daemons.startedCount() === 3);
  assert.ok(isAlive(second));
  daemons.stop();
  await daemons.ended;
  assert.deepEqual(await rowsOf(database.pool, "select id from postrider.daemon where pid = $1", [second]), []);
});

test("first daemons that find no Postgres give up as one alone does", async (t) => {
  const { proxy, url } = await proxied(t);
  proxy.set({ kind: "cut" });
  const daemons = start(t, url);
  await assert.rejects(daemons.ended, { name: "PostriderError", message: /^PR0003: cannot connect to Postgres/ });
  assert.deepEqual(daemons.endings(), []);
  assert.ok(!daemons.pids().some(isAlive));
});

test("first daemons whose first beat waits for a lock in vain give up with that reason", async (t) => {
  const client = await database.pool.connect();
  t.after(() => client.release(true));
  await client.query("begin; lock table postrider.daemon in access exclusive mode");
  const daemons = start(t, database.url);
  await assert.rejects(daemons.ended, {
    name: "PostriderError",
    message: /^PR0003: cannot start the daemon: .*lock timeout/,
  });
  assert.deepEqual(daemons.endings(), []);
});
