import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { Readiness } from "../../src/listen/vitals.ts";
import { runCommand } from "../support/command.ts";
import { startListener } from "../support/listener.ts";

function health(listen: string, ...args: readonly string[]) {
  return runCommand(["health", ...args], { env: { POSTRIDER_HTTP_LISTEN: listen } });
}

/** Where a listener without a daemon listens, as a setting that names every address of this host. */
async function listenerWith(t: TestContext, readiness: Readiness): Promise<string> {
  const { port } = await startListener(t, { readiness: async () => readiness });
  return `0.0.0.0:${port}`;
}

test("a daemon that lives exits with 0, and one that does not work says why and exits with 1 if it is asked", async (t) => {
  const reasons = ["results cannot be recorded in Postgres", "the daemon could not renew its lease in time"];
  const listen = await listenerWith(t, { reasons, notes: [] });
  const alive = await health(listen);
  assert.deepEqual([alive.code, alive.stdout, alive.stderr], [0, "ok\n", ""]);
  const { code, stdout, stderr } = await health(listen, "--ready");
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(
    stderr,
    `PR0025: the daemon at ${listen.replace("0.0.0.0", "127.0.0.1")} does not work: ${reasons.join("; ")}; look at its log, and at postrider status\n`,
  );
});

test("a daemon that is ready exits with 0, and says what a person might want to know", async (t) => {
  const listen = await listenerWith(t, { reasons: [], notes: ["an operator switched sending off"] });
  const { code, stdout } = await health(listen, "--ready");
  assert.deepEqual([code, stdout], [0, "ready\nan operator switched sending off\n"]);
});

test("what does not listen, does not answer or is something else is no daemon that works", async () => {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const silent = await health(`127.0.0.1:${address.port}`);
  assert.match(silent.stderr, /does not work: nothing answers within 3 s; /);
  assert.equal(silent.code, 1);
  server.removeAllListeners("connection").on("connection", (socket) => socket.resume().end("SSH-2.0-OpenSSH\r\n"));
  assert.equal((await health(`127.0.0.1:${address.port}`)).code, 1);
  await new Promise((resolve) => server.close(resolve));
  const gone = await health(`127.0.0.1:${address.port}`, "--ready");
  assert.match(gone.stderr, /^PR0025: .* does not work: nothing listens there; /);
  assert.equal(gone.code, 1);
});

test("settings that name no listener are a mistake, with exit status 2", async () => {
  for (const [listen, found] of [
    ["off", "POSTRIDER_HTTP_LISTEN is off"],
    ["127.0.0.1:0", "POSTRIDER_HTTP_LISTEN is any free port"],
    ["8427", 'it is "8427"'],
  ] as const) {
    const { code, stderr } = await health(listen);
    assert.match(stderr, new RegExp(`^PR0002: cannot .*${found}; `));
    assert.equal(code, 2);
  }
});
