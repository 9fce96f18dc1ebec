/** Clients of the listener that are slow, broken or hostile, beside deliveries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandProcess, eventually, runCommand } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { insertEvents, rowsOf } from "../support/engine.ts";
import { startHostileClients } from "../support/hostileClients.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const EVENTS = 300;
const ROUNDS = 3;

test("beside clients that drip, send garbage, huge headers and pipelines, each event is sent once and health answers", async (t) => {
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
  const clients = startHostileClients({
    ...{ port: Number(address.split(":")[1]), count: 300 },
    addresses: ["127.0.0.2", "127.0.0.3"],
  });
  t.after(() => clients.stop());
  for (let round = 1; round <= ROUNDS; round += 1) {
    await insertEvents(database.pool, "order.paid", EVENTS);
    await until("all have arrived", () => receiver.requests("/orders").length >= round * EVENTS);
    await eventually("a health check succeeds", async () => {
      const { code } = await runCommand(["health", "--ready"], { env: { POSTRIDER_HTTP_LISTEN: address } });
      return code === 0 ? true : undefined;
    });
  }
  assert.ok(clients.made() > 300, "they are cut off and come back");
  clients.stop();
  assert.deepEqual(await command.end("SIGTERM"), { code: 0, signal: null }, command.said());
  assert.equal(receiver.requests("/orders").length, ROUNDS * EVENTS);
  assert.deepEqual(
    await rowsOf(database.pool, "select state, attempts::text from postrider.delivery_status group by 1, 2"),
    [{ state: "succeeded", attempts: "1" }],
  );
  assert.equal(command.stderr, "");
  for (const line of command.stdout.trim().split("\n")) {
    JSON.parse(line);
  }
});
