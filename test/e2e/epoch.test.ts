/** What ends an epoch: whatever may have taken back records that were not flushed yet, and nothing else. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { after, before, test } from "node:test";
import { installSchema } from "../support/database.ts";
import { askFor, beat, claimEvents, createEndpoint, insertEvents, recordAll, resultOf } from "../support/engine.ts";
import { OwnServer } from "../support/ownServer.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { until } from "../support/until.ts";

const BACK_MS = 30_000;

let directory: string;
let own: OwnServer;

before(async () => {
  directory = await makeServerDirectory("epoch");
  // Only the server crashes here, not the machine. A long delay makes a crash lose what was committed asynchronously.
  own = await OwnServer.start({ directory, settings: { fsync: "off", wal_writer_delay: "10s" } });
  await installSchema(own.url);
});
after(async () => {
  await own?.close();
  await rm(directory, { recursive: true, force: true });
});

async function epoch(): Promise<string> {
  return (await recordAll(own.control, randomUUID(), { first: [] })).epoch;
}

/** Kills one backend, whereupon the postmaster ends all others and recovers, without a restart of its own. */
async function killBackend(): Promise<void> {
  const pid = Number(await askFor(own.control, "select pg_backend_pid()"));
  process.kill(pid, "SIGKILL");
  await until("the server is back", canAsk, BACK_MS);
}

async function canAsk(): Promise<boolean> {
  return (await own.control.query("select").catch(() => null)) !== null;
}

test("a clean restart does not end an epoch", async () => {
  const before = await epoch();
  await own.stop("fast");
  await own.startAgain();
  await until("the server is back", canAsk, BACK_MS);
  assert.equal(await epoch(), before);
});

test("a crash of the server and one of a single backend each end an epoch", async () => {
  const first = await epoch();
  await own.stop("immediate");
  await own.startAgain();
  await until("the server is back", canAsk, BACK_MS);
  const second = await epoch();
  await killBackend();
  assert.equal(new Set([first, second, await epoch()]).size, 3);
});

test("what a crash takes back stays claimed, although the daemon knows that it was recorded", async () => {
  const daemon = randomUUID();
  await beat(own.control, daemon);
  await createEndpoint(own.control, ["order.*"]);
  await insertEvents(own.control, "order.paid", 4);
  const { claim, pairs } = await claimEvents(own.control, { daemon });
  const [last, ...first] = pairs.map((pair) => resultOf(pair));
  assert.ok(last !== undefined && first.length === 3);
  const recorded = await recordAll(own.control, daemon, { first });
  await killBackend();
  assert.equal(await askFor(own.control, "select count(*)::integer from postrider.delivery"), 0, "they were lost");
  await insertEvents(own.control, "order.paid", 1);
  await claimEvents(own.control);
  const rest = { first: [last], finished: [String(claim)], epochs: [recorded.epoch] };
  assert.deepEqual((await recordAll(own.control, daemon, rest)).kept_claims, []);
  assert.equal(
    await askFor(own.control, "select cardinality(event_ids) from postrider.claim where id = $1", [claim]),
    4,
  );
});

test("a promoted standby begins another epoch", async () => {
  const before = await epoch();
  await own.addStandby();
  await own.stop("immediate");
  own.leadToStandby();
  await own.promote();
  await until("the new primary answers", canAsk, BACK_MS);
  assert.notEqual(await epoch(), before);
});
