/** Signatures as a receiver gets them, and what becomes of an endpoint that cannot sign. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { parseVerifyingKey, verifySignature } from "../../src/format/sign.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

/** What waits for a key is not found by the poll. */
async function run(t: TestContext, changes: Partial<Config> = { pollIntervalMs: 3_600_000 }) {
  const running = await startDaemon(database.url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

async function create(path: string, signing: string): Promise<{ id: string; secret: string | null }> {
  const [row] = await rowsOf<{ id: string; secret: string | null }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint($1, options => $2)",
    [receiver.url(path), JSON.stringify({ signing })],
  );
  assert.ok(row !== undefined);
  return row;
}

async function publicKeysOf(endpoint: string): Promise<string[]> {
  const rows = await rowsOf<{ public_key: string }>(
    database.pool,
    `select public_key from postrider.endpoint_secret
     where endpoint_id = $1 and public_key is not null and (expires_at is null or expires_at > now()) order by created_at`,
    [endpoint],
  );
  return rows.map(({ public_key }) => public_key);
}

function isVerified(request: Received | undefined, key: string): boolean {
  assert.ok(request !== undefined);
  const parsed = parseVerifyingKey(key);
  assert.ok(parsed.kind === "key");
  const header = (name: string) => String(request.headers[name]);
  const headers = {
    id: request.id,
    timestamp: header("webhook-timestamp"),
    signature: header("webhook-signature"),
  };
  return verifySignature([parsed.key], headers, request.body, Math.floor(Date.now() / 1_000)).kind === "verified";
}

function versionsOf(request: Received | undefined): string[] {
  return String(request?.headers["webhook-signature"])
    .split(" ")
    .map((entry) => entry.split(",")[0] ?? "");
}

test("a daemon makes the key of a new endpoint, and each kind of signature verifies with what the receiver has", async (t) => {
  await run(t);
  const both = await create("/both", "both");
  const alone = await create("/ed25519", "ed25519");
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/both", 1);
  await receiver.got("/ed25519", 1);
  assert.equal(alone.secret, null);
  for (const [endpoint, path, versions] of [
    [both, "/both", ["v1", "v1a"]],
    [alone, "/ed25519", ["v1a"]],
  ] as const) {
    const [request] = receiver.requests(path);
    assert.deepEqual(versionsOf(request), versions);
    const keys = await publicKeysOf(endpoint.id);
    assert.equal(keys.length, 1);
    for (const key of [...keys, ...(endpoint.secret === null ? [] : [endpoint.secret])]) {
      assert.ok(isVerified(request, key));
    }
  }
  assert.notDeepEqual(await publicKeysOf(both.id), await publicKeysOf(alone.id));
});

test("after a rotation the old and the new key of each kind sign, and after the overlap the new ones alone", async (t) => {
  await run(t);
  const endpoint = await create("/rotated", "both");
  await until("the key is made", async () => (await publicKeysOf(endpoint.id)).length === 1);
  const secret = String(await askFor(database.pool, "select postrider.rotate_secret($1, '1 hour')", [endpoint.id]));
  await until("the second key is made", async () => (await publicKeysOf(endpoint.id)).length === 2);
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/rotated", 1);
  const [during] = receiver.requests("/rotated");
  assert.deepEqual(versionsOf(during), ["v1", "v1", "v1a", "v1a"]);
  const keys = await publicKeysOf(endpoint.id);
  for (const key of [...keys, secret, endpoint.secret ?? ""]) {
    assert.ok(isVerified(during, key));
  }
  await database.pool.query("update postrider.endpoint_secret set expires_at = now() where expires_at is not null");
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/rotated", 2);
  const afterwards = receiver.requests("/rotated")[1];
  assert.deepEqual(versionsOf(afterwards), ["v1", "v1a"]);
  assert.deepEqual(
    [...keys, secret].map((key) => isVerified(afterwards, key)),
    [false, true, true],
  );
});

test("without its key, nothing is sent half-signed or recorded as failed, and no other endpoint waits", async (t) => {
  const { emitted } = await run(t);
  await create("/quick", "hmac");
  const endpoint = await create("/waiting", "both");
  await until("the key is made", async () => (await publicKeysOf(endpoint.id)).length === 1);
  // As if its overlap had ended, and no daemon could make another one.
  await database.pool.query("update postrider.endpoint_secret set expires_at = now() where kind = 'ed25519'");
  const events = await insertEvents(database.pool, "order.paid", 300);
  await receiver.got("/quick", events.length);
  assert.equal(receiver.requests("/waiting").length, 0);
  const details = await rowsOf(
    database.pool,
    "select distinct detail, attempts from postrider.delivery_status where endpoint_id = $1",
    [endpoint.id],
  );
  assert.deepEqual(details, [{ detail: "keyless", attempts: 0 }]);
  await database.pool.query("select postrider.rotate_secret($1)", [endpoint.id]);
  await receiver.got("/waiting", events.length);
  assert.deepEqual(
    [...new Set(receiver.requests("/waiting").map((request) => versionsOf(request).join()))],
    ["v1,v1,v1a"],
  );
  assert.equal(
    emitted.named("delivery.attempted").some(({ failure_kind }) => failure_kind !== null),
    false,
  );
});
