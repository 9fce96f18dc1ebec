import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { CommandProcess, runCommand } from "../support/command.ts";
import type { TestDatabase } from "../support/database.ts";
import { insertEvent, rowsOf } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";

export type Program = readonly [string, ...string[]];

const PATH = "/hooks";
const EGRESS = { POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" };

/**
 * What an operator does first with a program, in an empty database: migrate, run, make an endpoint, insert. The signed
 * request must arrive, and SIGTERM must end the daemon with nothing left to do.
 */
export async function assertDelivers(
  t: TestContext,
  program: Program,
  database: Pick<TestDatabase, "url" | "pool">,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const env = { ...variables, DATABASE_URL: database.url, ...EGRESS };

  const migrated = await runCommand(["migrate"], { program, env });
  assert.equal(migrated.code, 0, migrated.stderr);

  const [endpoint] = await rowsOf<{ secret: string }>(
    database.pool,
    "select secret from postrider.create_endpoint($1, '{order.*}')",
    [receiver.url(PATH)],
  );
  receiver.verify(PATH, endpoint?.secret ?? "");

  const daemon = new CommandProcess(["run"], { program, env });
  t.after(() => daemon.end("SIGKILL"));
  await daemon.match(/"event":"daemon\.started"/);
  const event = await insertEvent(database.pool, "order.paid");
  await receiver.got(PATH, 1);
  const [{ id, verification } = {}] = receiver.requests(PATH);
  assert.deepEqual({ id, verification }, { id: event, verification: "verified" });

  assert.deepEqual(await daemon.end("SIGTERM"), { code: 0, signal: null }, daemon.said());
  assert.deepEqual(await rowsOf(database.pool, "select state from postrider.delivery_status"), [
    { state: "succeeded" },
  ]);
}
