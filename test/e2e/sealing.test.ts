/** Secrets at rest: what daemons seal, what they open, and what becomes of an endpoint whose secret they cannot read. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { parseVerifyingKey, verifySignature } from "../../src/format/sign.ts";
import { open, parseSealingKey, type SealingKey } from "../../src/secrets/sealing.ts";
import { runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, beat, insertEvent, openSession, reset, rowsOf } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

function newKey(): { readonly text: string; readonly key: SealingKey } {
  const text = randomBytes(32).toString("base64");
  const key = parseSealingKey(text);
  assert.ok(key !== null);
  return { text, key };
}

async function run(t: TestContext, encryptionKeys: readonly SealingKey[]) {
  const running = await startDaemon(database.url, { encryptionKeys });
  t.after(() => running.daemon.stop());
  return running;
}

async function create(path: string, signing = "hmac"): Promise<{ id: string; secret: string }> {
  const [row] = await rowsOf<{ id: string; secret: string }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint($1, options => $2)",
    [receiver.url(path), JSON.stringify({ signing })],
  );
  assert.ok(row !== undefined);
  return row;
}

interface Stored {
  readonly endpoint_id: string;
  readonly kind: string;
  readonly secret: string | null;
  readonly public_key: string | null;
}

function stored(): Promise<Stored[]> {
  return rowsOf<Stored>(
    database.pool,
    "select endpoint_id, kind, secret, public_key from postrider.endpoint_secret order by created_at, kind",
  );
}

function allSealedWith(key: SealingKey): Promise<void> {
  return until("every secret is sealed", async () =>
    (await stored()).every(({ secret }) => secret?.startsWith(`sealed:v1:${key.id}:`)),
  );
}

function isVerified(request: Received | undefined, text: string | null): boolean {
  assert.ok(request !== undefined);
  const parsed = parseVerifyingKey(text ?? "");
  assert.ok(parsed.kind === "key");
  const headers = {
    id: request.id,
    timestamp: String(request.headers["webhook-timestamp"]),
    signature: String(request.headers["webhook-signature"]),
  };
  return verifySignature([parsed.key], headers, request.body, Math.floor(Date.now() / 1_000)).kind === "verified";
}

async function stateOf(endpoint: string) {
  const [row] = await rowsOf<{ state: string; state_reason: string | null }>(
    database.pool,
    "select state, state_reason from postrider.endpoint where id = $1",
    [endpoint],
  );
  assert.ok(row !== undefined);
  return row;
}

test("a daemon with a key seals what SQL has made, and requests are signed with the same secrets and keys", async (t) => {
  const { key } = newKey();
  const before = await create("/before", "both");
  await run(t, [key]);
  const afterwards = await create("/after", "both");
  await allSealedWith(key);
  await insertEvent(database.pool, "order.paid");
  for (const [path, { id, secret }] of [
    ["/before", before],
    ["/after", afterwards],
  ] as const) {
    await receiver.got(path, 1);
    const [request] = receiver.requests(path);
    assert.ok(isVerified(request, secret));
    const ed25519 = (await stored()).find(({ endpoint_id, kind }) => endpoint_id === id && kind === "ed25519");
    assert.ok(isVerified(request, ed25519?.public_key ?? null));
  }
  const fresh = String(await askFor(database.pool, "select postrider.rotate_secret($1, '0')", [before.id]));
  await allSealedWith(key);
  assert.ok(
    (await stored()).some(({ endpoint_id, kind, secret }) => {
      const opened = open([key], { endpointId: endpoint_id, kind }, secret ?? "");
      return opened.kind === "opened" && opened.secret === fresh;
    }),
  );
  const audit = JSON.stringify(await rowsOf(database.pool, "select * from postrider.audit"));
  assert.ok(
    !audit.includes(before.secret.slice(6)) && !audit.includes("sealed:"),
    "the audit shows no form of a secret",
  );
});

test("while a daemon without the key lives, what is new is stored unsealed, and sealed once every daemon has the key", async (t) => {
  const { key } = newKey();
  const other = randomUUID();
  await beat(database.pool, other);
  // Gone without a goodbye: it holds up nothing.
  await beat(database.pool, randomUUID(), -1);
  const endpoint = await create("/waits", "both");
  const waiting = await startDaemon(database.url, { encryptionKeys: [key] });
  await until("the key is made", async () => (await stored()).every(({ secret }) => secret !== null));
  // Ends after the look that made the key, and that would have sealed.
  await waiting.daemon.stop();
  assert.ok((await stored()).every(({ secret }) => !secret?.startsWith("sealed:")));

  await database.pool.query("update postrider.daemon set encryption_key_ids = $2 where id = $1", [other, [key.id]]);
  await run(t, [key]);
  await allSealedWith(key);
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/waits", 1);
  assert.ok(isVerified(receiver.requests("/waits")[0], endpoint.secret));
});

describe("a secret that a daemon cannot read", () => {
  test("pauses its endpoint with the reason and a row in the audit; nothing is sent or lost, and others are served", async (t) => {
    const { key } = newKey();
    const sealing = await startDaemon(database.url, { encryptionKeys: [key] });
    const endpoint = await create("/sealed");
    await allSealedWith(key);
    await sealing.daemon.stop();
    await create("/plain");
    const { emitted } = await run(t, [newKey().key]);
    const events = [await insertEvent(database.pool, "order.paid"), await insertEvent(database.pool, "order.paid")];
    await receiver.got("/plain", 2);
    await until("the endpoint is paused", async () => (await stateOf(endpoint.id)).state === "paused");
    const { state_reason } = await stateOf(endpoint.id);
    assert.match(
      state_reason ?? "",
      new RegExp(`sealed with the key ${key.id}, which is not in POSTRIDER_ENCRYPTION_KEYS`),
    );
    assert.match(state_reason ?? "", /postrider\.resume_endpoint/);
    await until("its deliveries wait", async () => {
      const rows = await rowsOf<{ detail: string }>(
        database.pool,
        "select detail, attempts from postrider.delivery_status where endpoint_id = $1",
        [endpoint.id],
      );
      return rows.length === 2 && rows.every(({ detail }) => detail === "paused");
    });
    assert.equal(receiver.requests("/sealed").length, 0);
    assert.equal(
      await askFor(
        database.pool,
        "select count(*)::int from postrider.audit where endpoint_id = $1 and action = 'pause_endpoint' and after ->> 'state' = 'paused'",
        [endpoint.id],
      ),
      1,
    );
    assert.equal(
      emitted.named("delivery.attempted").some(({ endpoint_id }) => endpoint_id === endpoint.id),
      false,
    );

    // Resumed without the key, it is paused again; with a new secret, it works.
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint.id]);
    await until("the endpoint is paused again", async () => (await stateOf(endpoint.id)).state === "paused");
    const fresh = String(await askFor(database.pool, "select postrider.rotate_secret($1, '0')", [endpoint.id]));
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint.id]);
    await receiver.got("/sealed", 2);
    const requests = receiver.requests("/sealed");
    assert.deepEqual(new Set(requests.map(({ id }) => id)), new Set(events));
    assert.ok(requests.every((request) => isVerified(request, fresh)));
  });

  test("is one that was sealed for another endpoint as well, and one beside it that can be read does not sign alone", async (t) => {
    const { key } = newKey();
    await run(t, [key]);
    const [one, other] = [await create("/one"), await create("/other")];
    await allSealedWith(key);
    await database.pool.query(
      `insert into postrider.endpoint_secret (endpoint_id, secret)
       select $1, s.secret from postrider.endpoint_secret s where s.endpoint_id = $2`,
      [one.id, other.id],
    );
    await insertEvent(database.pool, "order.paid");
    await receiver.got("/other", 1);
    await until("the endpoint is paused", async () => (await stateOf(one.id)).state === "paused");
    assert.match((await stateOf(one.id)).state_reason ?? "", /sealed for another endpoint/);
    assert.equal(receiver.requests("/one").length, 0);
  });

  test("is not paused for while an operator changes the endpoint, and nothing is sent meanwhile", async (t) => {
    const { key } = newKey();
    const sealing = await startDaemon(database.url, { encryptionKeys: [key] });
    const endpoint = await create("/locked");
    await allSealedWith(key);
    await sealing.daemon.stop();
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("select from postrider.endpoint where id = $1 for update", [endpoint.id]);
    await create("/beside");
    await run(t, []);
    await insertEvent(database.pool, "order.paid");
    await receiver.got("/beside", 1);
    assert.equal((await stateOf(endpoint.id)).state, "active");
    await session.query("rollback");
    await until("the endpoint is paused", async () => (await stateOf(endpoint.id)).state === "paused");
    assert.equal(receiver.requests("/locked").length, 0);
  });
});

describe("reseal", () => {
  test("seals what is not sealed with the first key, tells how many, and does nothing when it is repeated", async (t) => {
    const [former, next] = [newKey(), newKey()];
    const sealing = await startDaemon(database.url, { encryptionKeys: [former.key] });
    const endpoint = await create("/resealed", "both");
    await allSealedWith(former.key);
    await sealing.daemon.stop();
    await create("/new");
    const login = await createLogin(database, ["postrider_daemon"]);
    t.after(() => login.drop());
    const reseal = async (keys: string, ...args: string[]) => {
      const env = { DATABASE_URL: login.url, POSTRIDER_ENCRYPTION_KEYS: keys };
      const { code, stdout, stderr } = await runCommand(["reseal", "--json", ...args], { env });
      assert.equal(stderr, "");
      const { key_id, sealed, resealed, unchanged, busy, unreadable } = JSON.parse(stdout);
      return { code, key_id, sealed, resealed, unchanged, busy, unreadable: unreadable.length };
    };
    const both = `${next.text},${former.text}`;
    const counts = { code: 0, key_id: next.key.id, sealed: 1, resealed: 2, unchanged: 0, busy: 0, unreadable: 0 };
    const untouched = await stored();
    assert.deepEqual(await reseal(both, "--dry-run"), counts);
    assert.deepEqual(await stored(), untouched);
    assert.deepEqual(await reseal(next.text, "--dry-run"), { ...counts, code: 1, resealed: 0, unreadable: 2 });
    assert.deepEqual(await reseal(both), counts);
    await allSealedWith(next.key);
    const sealed = await stored();
    assert.deepEqual(await reseal(both), { ...counts, sealed: 0, resealed: 0, unchanged: 3 });
    assert.deepEqual(await stored(), sealed);

    await run(t, [next.key]);
    await insertEvent(database.pool, "order.paid");
    await receiver.got("/resealed", 1);
    assert.ok(isVerified(receiver.requests("/resealed")[0], endpoint.secret));
  });

  test("leaves a secret that is being changed, or that no key opens, and fails", async (t) => {
    const { key, text } = newKey();
    const endpoint = await create("/busy");
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("select from postrider.endpoint where id = $1 for update", [endpoint.id]);
    const env = { DATABASE_URL: database.url, POSTRIDER_ENCRYPTION_KEYS: text };
    const busy = await runCommand(["reseal"], { env });
    assert.equal(busy.code, 1);
    assert.match(busy.stdout, /1 left, because someone is changing them/);
    await session.query("rollback");
    assert.equal((await runCommand(["reseal"], { env })).code, 0);
    await allSealedWith(key);
    const other = newKey().text;
    const foreign = await runCommand(["reseal"], { env: { ...env, POSTRIDER_ENCRYPTION_KEYS: other } });
    assert.equal(foreign.code, 1);
    assert.match(foreign.stdout, new RegExp(`of endpoint ${endpoint.id} left: it is sealed with the key ${key.id}`));
    for (const secret of [other, endpoint.secret, String((await stored())[0]?.secret)]) {
      assert.ok(!foreign.stdout.includes(secret));
    }
  });

  test("waits for every daemon that runs to have the key, and names those that do not", async () => {
    const { key, text } = newKey();
    await create("/waits");
    const daemon = randomUUID();
    await beat(database.pool, daemon);
    // Gone without a goodbye: it holds up nothing.
    await beat(database.pool, randomUUID(), -1);
    const env = { DATABASE_URL: database.url, POSTRIDER_ENCRYPTION_KEYS: text };
    const place = "host\\.test \\(pid 42\\)";
    const refused = await runCommand(["reseal"], { env });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, new RegExp(`PR0002.*running daemons do not have it.*: ${place};`));
    assert.ok((await stored()).every(({ secret }) => !secret?.startsWith("sealed:")));
    const looked = await runCommand(["reseal", "--dry-run"], { env });
    assert.equal(looked.code, 1);
    assert.match(
      looked.stdout,
      new RegExp(`1 secret would be sealed.*not yet: .*the key ${key.id}: ${place}\\n$`, "s"),
    );
    await database.pool.query("update postrider.daemon set encryption_key_ids = $2 where id = $1", [daemon, [key.id]]);
    assert.equal((await runCommand(["reseal"], { env })).code, 0);
    await allSealedWith(key);
  });

  test("without a key is refused", async () => {
    const { code, stderr } = await runCommand(["reseal"], { env: { DATABASE_URL: database.url } });
    assert.equal(code, 2);
    assert.match(stderr, /POSTRIDER_ENCRYPTION_KEYS is not set/);
  });
});

test("check tells of secrets that are not sealed, and of those that no key opens", async () => {
  const { key, text } = newKey();
  const check = async (keys: string) => {
    const env = { DATABASE_URL: database.url, POSTRIDER_ENCRYPTION_KEYS: keys };
    const { code, stdout } = await runCommand(["check", "--json"], { env });
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; found: string }[] };
    const { state, found } = checks.find(({ name }) => name === "secrets") ?? { state: "", found: "" };
    return { code, state, found };
  };
  const endpoint = await create("/checked");
  assert.match((await check("")).found, /not set: 1 secret of endpoints can be read/);
  assert.deepEqual([(await check("")).state, (await check("")).code], ["warning", 0]);
  assert.equal((await check(text)).state, "warning");
  await runCommand(["reseal"], { env: { DATABASE_URL: database.url, POSTRIDER_ENCRYPTION_KEYS: text } });
  await allSealedWith(key);
  assert.deepEqual(await check(text), { code: 0, state: "ok", found: "the secrets of endpoints are sealed" });
  const unreadable = await check(newKey().text);
  assert.deepEqual([unreadable.code, unreadable.state], [1, "fault"]);
  assert.match(unreadable.found, new RegExp(endpoint.id));
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint.id]);
  assert.deepEqual([(await check("")).code, (await check("")).state], [0, "warning"]);
});
