/** Encrypted bodies as a receiver gets them, and what becomes of an endpoint whose key cannot encrypt. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { FORMAT_NAMES } from "../../src/format/format.ts";
import { parseSecret, verifySignature } from "../../src/format/sign.ts";
import { KEY_KINDS, makeKeyPair, openJwe } from "../format/jweReader.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

async function run(t: TestContext) {
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
}

interface Created {
  readonly id: string;
  readonly secret: string;
}

async function create(path: string, options: Readonly<Record<string, unknown>>): Promise<Created> {
  const [row] = await rowsOf<{ id: string; secret: string }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint($1, options => $2)",
    [receiver.url(path), JSON.stringify(options)],
  );
  assert.ok(row !== undefined);
  return row;
}

/** The one request of a path, whose signature must be over the body as it came. */
async function verified(path: string, { secret }: Created): Promise<Received> {
  await receiver.got(path, 1);
  const [request] = receiver.requests(path);
  const parsed = parseSecret(secret);
  assert.ok(request !== undefined && parsed.kind === "key");
  const headers = {
    id: request.id,
    timestamp: String(request.headers["webhook-timestamp"]),
    signature: String(request.headers["webhook-signature"]),
  };
  const nowSeconds = Math.floor(Date.now() / 1_000);
  assert.equal(verifySignature([parsed.key], headers, request.body, nowSeconds).kind, "verified");
  return request;
}

for (const kind of KEY_KINDS) {
  test(`a receiver with the private key of ${kind} gets what was inserted, small and large`, async (t) => {
    await run(t);
    const { publicJwk, privateJwk } = makeKeyPair(kind);
    for (const [size, payload] of [
      ["small", '{"n": 1.10, "n": 12345678901234567890}'],
      ["large", `{"text": "${"ö".repeat(700_000)}"}`],
    ] as const) {
      const path = `/${kind}/${size}`;
      const endpoint = await create(path, { encryption_key: publicJwk, format: "raw" });
      const event = await insertEvent(database.pool, "order.paid", { payload });
      const request = await verified(path, endpoint);
      const { header, content } = openJwe(request.body, privateJwk);
      assert.equal(content.toString(), payload);
      assert.equal(request.headers["content-type"], "application/jose+json");
      assert.deepEqual([header.cty, header.webhook_id, header.endpoint_id], ["application/json", event, endpoint.id]);
      assert.equal(request.id, event);
      assert.ok(!request.body.includes("12345678901234567890"));
      await database.pool.query("select postrider.delete_endpoint($1, 'tried')", [endpoint.id]);
    }
  });
}

test("every format is encrypted as it would be sent in the clear, and says its content type inside", async (t) => {
  await run(t);
  const { publicJwk, privateJwk } = makeKeyPair("X25519");
  const made = [];
  for (const format of FORMAT_NAMES) {
    made.push({
      format,
      clear: await create(`/clear/${format}`, { format }),
      encrypted: await create(`/encrypted/${format}`, { format, encryption_key: publicJwk }),
    });
  }
  await insertEvent(database.pool, "order.paid", { payload: '{"a": [1.10, "<&"]}' });
  for (const { format, clear, encrypted } of made) {
    const plain = await verified(`/clear/${format}`, clear);
    const request = await verified(`/encrypted/${format}`, encrypted);
    const { header, content } = openJwe(request.body, privateJwk);
    assert.equal(content.toString(), plain.body.toString());
    assert.equal(header.cty, plain.headers["content-type"]);
    assert.equal(request.headers["content-type"], "application/jose+json");
    assert.equal(request.headers["ce-type"], plain.headers["ce-type"], "headers stay readable");
  }
});

test("an endpoint's own content type is that of the content", async (t) => {
  await run(t);
  const { publicJwk, privateJwk } = makeKeyPair("P-256");
  const headers = { "Content-Type": "application/vnd.acme+json" };
  const endpoint = await create("/typed", { encryption_key: publicJwk, headers });
  await insertEvent(database.pool, "order.paid");
  const request = await verified("/typed", endpoint);
  assert.equal(request.headers["content-type"], "application/jose+json");
  assert.equal(openJwe(request.body, privateJwk).header.cty, "application/vnd.acme+json");
});

test("what an endpoint transforms is encrypted, with the content type that it finds for the event", async (t) => {
  await run(t);
  const { publicJwk, privateJwk } = makeKeyPair("X25519");
  const endpoint = await create("/transformed", {
    ...{ encryption_key: publicJwk, format: "raw", payload: "$.order" },
    headers: { "content-type": "$.kind", "x-order": "$.order.id" },
  });
  await insertEvent(database.pool, "order.paid", { payload: '{"kind": "text/x-order", "order": {"id": 7}}' });
  const request = await verified("/transformed", endpoint);
  const { header, content } = openJwe(request.body, privateJwk);
  assert.equal(content.toString(), '{"id": 7}');
  assert.deepEqual(
    [header.cty, request.headers["content-type"], request.headers["x-order"]],
    ["text/x-order", "application/jose+json", "7"],
  );
});

test("a batch is encrypted as a whole, for the id of the batch", async (t) => {
  const { publicJwk, privateJwk } = makeKeyPair("X25519");
  const endpoint = await create("/batch", { encryption_key: publicJwk, batch_size: 3 });
  const events = await insertEvents(database.pool, "order.paid", 3);
  await run(t);
  const request = await verified("/batch", endpoint);
  const { header, content } = openJwe(request.body, privateJwk);
  const items = JSON.parse(content.toString()) as readonly { readonly id: string }[];
  assert.deepEqual(items.map(({ id }) => id).toSorted(), events.toSorted());
  assert.equal(header.webhook_id, request.id);
  assert.ok(!events.includes(request.id));
});

test("each attempt is encrypted and signed anew, and a new key applies to retries", async (t) => {
  await run(t);
  const first = makeKeyPair("X25519");
  const second = makeKeyPair("P-256");
  receiver.script("/retried", ({ nth }) => ({ kind: "status", status: nth === 1 ? 500 : 200 }));
  const { id } = await create("/retried", { encryption_key: first.publicJwk, retry_schedule: ["1 hour"] });
  const event = await insertEvent(database.pool, "order.paid");
  await receiver.got("/retried", 1);
  await until("the attempt is recorded", async () => {
    const rows = await rowsOf(
      database.pool,
      "select from postrider.delivery_status where endpoint_id = $1 and attempts = 1",
      [id],
    );
    return rows.length === 1;
  });
  await database.pool.query("update postrider.endpoint set encryption_key = $2 where id = $1", [id, second.publicJwk]);
  await database.pool.query("select postrider.redeliver($1, $2)", [event, id]);
  await receiver.got("/retried", 2);
  const [before, afterwards] = receiver.requests("/retried");
  assert.ok(before !== undefined && afterwards !== undefined);
  assert.equal(
    openJwe(afterwards.body, second.privateJwk).content.toString(),
    openJwe(before.body, first.privateJwk).content.toString(),
  );
});

describe("a key that only the daemon can see to be bad", () => {
  const ones = Buffer.alloc(32, 1).toString("base64url");
  for (const [what, key] of [
    ["is not on its curve", { kty: "EC", crv: "P-256", x: ones, y: ones }],
    ["is a point of low order", { kty: "OKP", crv: "X25519", x: Buffer.alloc(32).toString("base64url") }],
  ] as const) {
    test(`${what}: nothing is sent, the attempt says why, and no other endpoint waits`, async (t) => {
      await run(t);
      const bad = await create(`/bad/${key.crv}`, { encryption_key: key, retry_schedule: ["1 hour"] });
      const good = await create(`/good/${key.crv}`, {});
      await insertEvent(database.pool, "order.paid");
      await verified(`/good/${key.crv}`, good);
      await until("the attempt is recorded", async () => (await attemptsOf(bad.id)).length > 0);
      assert.deepEqual(await attemptsOf(bad.id), [
        {
          failure_kind: "blocked",
          error:
            "nothing was sent: the endpoint's encryption_key is not a key that can encrypt, such as a point that is not on its curve",
        },
      ]);
      assert.equal(receiver.requests(`/bad/${key.crv}`).length, 0);
    });
  }
});

function attemptsOf(endpoint: string) {
  return rowsOf(database.pool, "select failure_kind, error from postrider.attempt where endpoint_id = $1", [endpoint]);
}
