/** Ten thousand clients that hold connections to the listener, beside deliveries. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { CommandProcess } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { insertEvents, rowsOf } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const CLIENTS = 10_000;
const EVENTS = 10_000;
/** More addresses than places, so each client's own limit leaves all of them in. */
const ADDRESSES = Array.from({ length: 200 }, (_, index) => `127.0.1.${index + 1}`);
const CLIENTS_SCRIPT = resolve(import.meta.dirname, "../support/hostileProcess.ts");
/** Clock ticks of CPU in a second, on every Linux. */
const TICKS = 100;

test("ten thousand connections cost a bounded part of the CPU of the daemon, and each event is sent once", {
  timeout: 600_000,
}, async (t) => {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const command = new CommandProcess(["run"], {
    env: {
      ...{ POSTRIDER_HTTP_LISTEN: "127.0.0.1:0", DATABASE_URL: database.url },
      ...{ POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" },
    },
  });
  t.after(() => command.end("SIGKILL"));
  const [, address = ""] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  await command.match(/"event":"daemon\.started"/);
  await database.pool.query("select postrider.create_endpoint($1)", [receiver.url("/orders")]);
  const deliver = async (total: number): Promise<number> => {
    const before = cpuSeconds(command.pid);
    await insertEvents(database.pool, "order.paid", EVENTS);
    await until("all have arrived", () => receiver.requests("/orders").length >= total);
    return cpuSeconds(command.pid) - before;
  };
  await deliver(EVENTS);
  const alone = await deliver(2 * EVENTS);
  // In a process apart, because the receiver is in this one.
  const options = { port: Number(address.split(":")[1]), count: CLIENTS, addresses: ADDRESSES, pauseMs: 5_000 };
  const clients = spawn(process.execPath, [CLIENTS_SCRIPT, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => clients.kill("SIGKILL"));
  await once(clients.stdout, "data");
  const beside = await deliver(3 * EVENTS);
  t.diagnostic(`CPU for ${EVENTS} events: ${alone} s alone, ${beside} s beside ${CLIENTS} clients`);
  // Those of the listener, and what a daemon has without it.
  const open = readdirSync(`/proc/${command.pid}/fd`).length;
  assert.ok(open <= 1_200, `${open} files are open`);
  clients.kill("SIGKILL");
  assert.deepEqual(await command.end("SIGTERM"), { code: 0, signal: null }, command.said());
  assert.equal(receiver.requests("/orders").length, 3 * EVENTS);
  const attempts = await rowsOf(database.pool, "select distinct attempts::text from postrider.delivery_status");
  assert.deepEqual(attempts, [{ attempts: "1" }]);
});

/** Of user and system. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
