/** The listener beside the daemon: `postrider run` as an operator and an init system see it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { withListener } from "../../src/cli/listening.ts";
import { DaemonVitals } from "../../src/daemon/vitals.ts";
import { CommandProcess, eventually, runCommand } from "../support/command.ts";
import { daemonConfig, KeptEvents } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { insertEvents } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

interface Answer {
  readonly status: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

async function readiness(url: string): Promise<Answer> {
  const answer = await fetch(`${url}/readyz`, { headers: { connection: "close" } });
  return { status: answer.status, ...JSON.parse(await answer.text()) };
}

/** `postrider run` with the listener on a free port; resolves with its URL as soon as it answers. */
async function run(
  t: TestContext,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly command: CommandProcess; readonly url: string }> {
  const command = new CommandProcess(["run"], {
    env: { POSTRIDER_HTTP_LISTEN: "127.0.0.1:0", DATABASE_URL: database.url, ...env },
  });
  t.after(() => command.end("SIGKILL"));
  const [, address] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  return { command, url: `http://${address}` };
}

async function taken(t: TestContext): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { server, port: address.port };
}

test("it answers while the start waits for Postgres, and says so without a name of a server", async (t) => {
  const { port } = await taken(t);
  const { command, url } = await run(t, { DATABASE_URL: `postgres://app:s3cret-word@127.0.0.1:${port + 1}/shop` });
  await command.match(/"event":"postgres\.lost"/);
  assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok\n");
  const answer = await readiness(url);
  assert.deepEqual(answer, {
    status: 503,
    ready: false,
    reasons: ["the daemon waits for Postgres, which cannot be reached"],
    notes: [],
  });
});

test("it is ready once the daemon claims, and says that it stops until the last request has ended", async (t) => {
  const hanging = await ScriptedReceiver.start();
  t.after(() => hanging.stop());
  hanging.script("/hanging", { kind: "hang" });
  const { command, url } = await run(t, {
    POSTRIDER_EGRESS: "custom",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
    POSTRIDER_SHUTDOWN_GRACE: "2s",
  });
  await command.match(/"event":"daemon\.started"/);
  assert.deepEqual(await readiness(url), { status: 200, ready: true, reasons: [], notes: [] });
  await database.pool.query("select postrider.create_endpoint($1, array['slow.*'])", [hanging.url("/hanging")]);
  await insertEvents(database.pool, "slow.event", 1);
  await until("a request is open", () => hanging.requests("/hanging").length === 1);
  command.child.kill("SIGTERM");
  await command.match(/"event":"daemon\.stopping"/);
  await eventually("it says so", async () =>
    (await readiness(url)).reasons[0] === "the daemon is stopping" ? true : undefined,
  );
  assert.deepEqual(await command.ended, { code: 0, signal: null }, command.said());
  await assert.rejects(fetch(`${url}/healthz`));
});

test("sending that an operator switched off is no reason", async (t) => {
  const { url } = await run(t, {});
  await database.pool.query("update postrider.sending set is_on = false, reason = 's3cret-word'");
  t.after(() => database.pool.query("update postrider.sending set is_on = true"));
  const note = "an operator switched sending off, in postrider.sending";
  await eventually("the note", async () => ((await readiness(url)).notes.includes(note) ? true : undefined));
  assert.equal((await readiness(url)).status, 200);
});

test("with several processes one listener answers for all of them", async (t) => {
  const { command, url } = await run(t, { POSTRIDER_PROCESSES: "2" });
  await eventually("both are ready", async () => ((await readiness(url)).ready ? true : undefined));
  assert.deepEqual(await readiness(url), { status: 200, ready: true, reasons: [], notes: [] });
  const pids = [...command.stdout.matchAll(/"event":"process\.started","pid":(\d+)/g)].map(([, pid]) => Number(pid));
  assert.equal(pids.length, 2);
  process.kill(pids[0] ?? 0, "SIGSTOP");
  t.after(() => {
    try {
      process.kill(pids[0] ?? 0, "SIGKILL");
    } catch {
      // It is gone, as it should be.
    }
  });
  await eventually("one does not answer", async () => {
    const { reasons } = await readiness(url);
    return reasons[0] === "a daemon's process does not answer (1 of 2 processes)" ? true : undefined;
  });
  process.kill(pids[0] ?? 0, "SIGCONT");
  process.kill(pids[1] ?? 0, "SIGKILL");
  await eventually("one is replaced", async () => {
    const { reasons } = await readiness(url);
    return reasons[0]?.startsWith("a daemon's process ended and is being replaced (1") === true ? true : undefined;
  });
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.deepEqual(await command.end("SIGTERM"), { code: 0, signal: null }, command.said());
});

test("an address that a person chose and that is taken keeps the daemon from starting", async (t) => {
  const { port } = await taken(t);
  for (const processes of ["1", "2"]) {
    const { code, stdout, stderr } = await runCommand(["run"], {
      env: { DATABASE_URL: database.url, POSTRIDER_HTTP_LISTEN: `127.0.0.1:${port}`, POSTRIDER_PROCESSES: processes },
    });
    assert.equal(code, 1);
    assert.doesNotMatch(stdout, /daemon\.started|process\.started/);
    assert.match(
      stderr,
      new RegExp(`^PR0010: cannot listen on 127\\.0\\.0\\.1:${port}: another program listens there; set`),
    );
  }
});

test("a default address that is taken leaves the listener out, with the remedy, and the daemon runs", async (t) => {
  const { port } = await taken(t);
  const events = new KeptEvents();
  const config = daemonConfig(database.url, { httpListen: { host: "127.0.0.1", port, isExplicit: false } });
  let ran = 0;
  await withListener(config, events, new DaemonVitals(), async ({ httpListen }) => {
    ran += 1;
    assert.equal(httpListen?.port, port, "the daemon does not send to what listens there");
  });
  assert.equal(ran, 1);
  assert.deepEqual(events.named("http_listener.left_out"), [
    {
      address: `127.0.0.1:${port}`,
      error: "another program listens there",
      remedy: "set POSTRIDER_HTTP_LISTEN to a free address, or to off",
    },
  ]);
});

test("nothing is sent to the daemon's own listener, on whatever address it listens", async (t) => {
  const { command, url } = await run(t, {
    POSTRIDER_HTTP_LISTEN: "0.0.0.0:0",
    POSTRIDER_EGRESS: "custom",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8,localhost",
  });
  const { port } = new URL(url);
  await database.pool.query("select postrider.create_endpoint($1, array['own.*'])", [
    `http://127.0.0.1:${port}/readyz`,
  ]);
  await command.match(/"event":"daemon\.started"/);
  await database.pool.query("insert into postrider.outbox (event_type, payload) values ('own.listener', '1')");
  await command.match(
    /"failure_kind":"blocked","error":"[^"]*it is the daemon's own listener, which no setting allows/,
  );
});
