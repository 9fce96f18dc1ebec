import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type CommandOptions, CommandProcess, eventually, runCommand } from "../support/command.ts";
import type { TestDatabase } from "../support/database.ts";
import { insertEvent, rowsOf } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";

export type Program = readonly [string, ...string[]];

/** How an operator starts the two commands. */
export interface Operation {
  readonly migrate: CommandOptions;
  readonly run: CommandOptions;
}

const PATH = "/hooks";
const SETTINGS = {
  ...{ POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" },
  POSTRIDER_HTTP_LISTEN: "127.0.0.1:0",
};

/**
 * What an operator does first, in an empty database: migrate, run, create an endpoint, insert. The signed request must
 * arrive, a health check must succeed, and SIGTERM must end the daemon with nothing left to do. Resolves with the grace that the daemon had.
 */
export async function assertDelivers(
  t: TestContext,
  database: Pick<TestDatabase, "pool">,
  { migrate, run }: Operation,
): Promise<{ readonly graceMs: number }> {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());

  const migrated = await runCommand(["migrate"], migrate);
  assert.equal(migrated.code, 0, migrated.stderr);

  const [endpoint] = await rowsOf<{ secret: string }>(
    database.pool,
    "select secret from postrider.create_endpoint($1, '{order.*}')",
    [receiver.url(PATH)],
  );
  receiver.verify(PATH, endpoint?.secret ?? "");

  const daemon = new CommandProcess(["run"], { ...run, env: { ...run.env, ...SETTINGS } });
  t.after(() => daemon.end("SIGKILL"));
  const [, address = ""] = await daemon.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  await daemon.match(/"event":"daemon\.started"/);
  await eventually("a health check succeeds", async () => {
    const env = { ...run.env, POSTRIDER_HTTP_LISTEN: address };
    return (await runCommand(["health", "--ready"], { ...run, env })).stdout.startsWith("ready") ? true : undefined;
  });
  const event = await insertEvent(database.pool, "order.paid");
  await receiver.got(PATH, 1);
  const [{ id, verification } = {}] = receiver.requests(PATH);
  assert.deepEqual({ id, verification }, { id: event, verification: "verified" });

  assert.deepEqual(await daemon.end("SIGTERM"), { code: 0, signal: null }, daemon.said());
  assert.deepEqual(await rowsOf(database.pool, "select state from postrider.delivery_status"), [
    { state: "succeeded" },
  ]);
  const [, graceMs = ""] = /"event":"daemon\.stopping".*"grace_ms":(\d+)/.exec(daemon.stdout) ?? [];
  return { graceMs: Number(graceMs) };
}
