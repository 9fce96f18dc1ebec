/** The requests that people look at: what a daemon would send, for a shell, and signed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { curlOf } from "../../src/console/curl.ts";
import { connectionConfig } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { parseSecret, verifySignature } from "../../src/format/sign.ts";
import { parseSealingKey, type SealingKey, seal } from "../../src/secrets/sealing.ts";
import { type Answer, ask, createKey, startConsole } from "../support/console.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, eventually, insertEvent, rowsOf } from "../support/engine.ts";
import { listenFor } from "../support/listen.ts";
import { ScriptedReceiver, status } from "../support/scriptedReceiver.ts";

const database = useDatabase();

/** What is the same for each attempt of a delivery. */
const OF_ONE_ATTEMPT = ["webhook-timestamp", "webhook-signature", "postrider-attempt", "traceparent"];

interface Shown {
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  readonly body: string;
  readonly attempt_number: number;
  readonly endpoint_has_changed: boolean | null;
  readonly valid_until: string | null;
  readonly curl: string;
}

/** A database by the login of daemons, as the API beside one has. */
function secretsOf(t: TestContext, sealingKeys: readonly SealingKey[] = []) {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "test" });
  const reader = new Database({ config, max: 1, purpose: "listen" });
  t.after(() => reader.end());
  return { database: reader, sealingKeys };
}

test("the request is the one that a daemon sends, whatever the endpoint wants", async (t) => {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const { daemon } = await startDaemon(database.url, { publicUrl: "http://listener.test" });
  t.after(() => daemon.stop());
  const { publicKey } = generateKeyPairSync("x25519");
  const wanted: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "/standard": { headers: { "x-Own": "1", "User-Agent": "shop" } },
    "/binary": { format: "cloudevents-binary" },
    "/xml": { format: "xml", handshake: false },
    "/ordered": { ordered: true },
    "/thin": { inline_limit: 1 },
    "/transformed": { payload: '{"total": "$.amount"}', headers: { "x-total": "$.amount" } },
    "/basic": { auth: { type: "basic", username: "shop", password: "s3cret-word" } },
    "/token": { auth: { type: "header", name: "X-Token", value: "s3cret-word" } },
    "/batch": { batch_size: 2, batch_delay_ms: 600_000 },
    "/encrypted": { encryption_key: publicKey.export({ format: "jwk" }) },
  };
  const ids = new Map<string, string>();
  for (const [path, options] of Object.entries(wanted)) {
    receiver.script(path, status(503));
    ids.set(path, await createEndpoint(database.pool, ["shown.*"], { url: receiver.url(`${path}`), options }));
  }
  const attributes =
    '{"subject": "a, \\"b\\"", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}';
  const event = String(
    await askFor(
      database.pool,
      "select postrider.publish('shown.paid', '{\"amount\": 12345678901234567890.10, \"who\": \"Zoë\"}', ordering_key => 'k 1', attributes => $1)",
      [attributes],
    ),
  );
  await insertEvent(database.pool, "shown.other");
  const all = "select count(*) = $2 from postrider.delivery where event_id = $1 and attempts = 1 and leased_by is null";
  await eventually(
    "each endpoint has failed once",
    async () => (await askFor(database.pool, all, [event, ids.size])) === true,
  ).finally(() => daemon.stop());
  const { ask } = await startConsole(t, database, { secrets: secretsOf(t) });
  for (const [path, id] of ids) {
    const answer = await ask<Shown>(["admin"], `/events/${event}/deliveries/${id}/request?signed=true`);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    const { url, headers, body, attempt_number, endpoint_has_changed } = answer.body;
    assert.equal(url, receiver.url(path));
    assert.deepEqual([attempt_number, endpoint_has_changed], [2, false], path);
    const shown = new Map(headers.map(({ name, value }) => [name.toLowerCase(), value]));
    const sent = receiver.requests(path).find((request) => request.id === shown.get("webhook-id"));
    assert.ok(sent !== undefined, path);
    for (const [name, value] of Object.entries(sent.headers)) {
      if (path === "/encrypted" && name === "content-length") continue;
      const isHidden = (path === "/basic" && name === "authorization") || (path === "/token" && name === "x-token");
      const found = shown.get(name);
      assert.ok(found !== undefined, `${path} lacks ${name}`);
      if (!OF_ONE_ATTEMPT.includes(name)) assert.equal(found, isHidden ? null : value, `${path} ${name}`);
    }
    assert.equal(shown.size, Object.keys(sent.headers).length, path);
    assert.doesNotMatch(answer.text, /s3cret-word|c2hvcDpzM2NyZXQtd29yZA/);
    if (path === "/thin") {
      assert.match(body, /"dataref":\{"url":"http:\/\/listener\.test\/payloads\//);
    } else if (path === "/encrypted") {
      assert.deepEqual(Object.keys(JSON.parse(body)), Object.keys(JSON.parse(sent.body.toString())));
      assert.doesNotMatch(body, /amount/);
    } else {
      assert.equal(body, sent.body.toString(), path);
    }
  }
  assert.match(String(receiver.requests("/batch")[0]?.body), /^\[\{.*\},\{.*\}\]$/, "both events went in one request");
});

interface Arrived {
  readonly rawHeaders: readonly string[];
  readonly url: string | undefined;
  readonly body: Buffer;
}

/** Keeps what arrives. */
async function startReceiver(t: TestContext): Promise<{ readonly url: string; readonly arrived: Arrived[] }> {
  const arrived: Arrived[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const body = Buffer.concat(await request.toArray());
    arrived.push({ rawHeaders: request.rawHeaders, url: request.url, body });
    response.end();
  });
  const port = await listenFor(t, server);
  return { url: `http://127.0.0.1:${port}`, arrived };
}

test("the command for a shell sends the same bytes, and nothing in it is run", async (t) => {
  const { url, arrived } = await startReceiver(t);
  const hostile = 'it\'s `touch /tmp/x` $(id) $HOME \\ !! "q" * ~ ; & | < > # \u202e Zoë 漢';
  const made = {
    url: `${url}/a%20b[1-3]{x,y}?q=it's&token=$(id)`,
    headers: [
      ["host", "127.0.0.1"],
      ["connection", "keep-alive"],
      ["x-own", 'it\'s `id` $(id) !!  \\ "q" \xe9'],
      ["x-at", "@/etc/passwd"],
      ["x-empty", ""],
      ["x-token", null],
      ["content-length", "7"],
    ] as const,
    body: `@/etc/passwd\n\r\t\x1b[2J${hostile}`,
  };
  const command = curlOf(made);
  assert.ok(command !== null);
  assert.match(command, /^[\x20-\x7e]+$/, "nothing moves a terminal's cursor, or turns its text round");
  await promisify(execFile)("bash", ["-c", command], { env: { ...process.env, X_TOKEN: "s3cret" } });
  const [got] = arrived;
  assert.ok(got !== undefined);
  assert.equal(got.body.toString(), made.body);
  assert.equal(got.url, "/a%20b[1-3]{x,y}?q=it's&token=$(id)");
  const header = (name: string) => got.rawHeaders[got.rawHeaders.indexOf(name) + 1];
  assert.deepEqual(["x-own", "x-at", "x-empty", "x-token"].map(header), [
    made.headers[2][1],
    "@/etc/passwd",
    "",
    "s3cret",
  ]);
  assert.equal(curlOf({ ...made, body: "\0" }), null);
});

test("a signed request is taken by a receiver for five minutes, leaves a row in the audit, and reveals no secret", async (t) => {
  const { url, arrived } = await startReceiver(t);
  const [endpoint] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    "select endpoint_id, secret from postrider.create_endpoint($1, '{signed.*}')",
    [`${url}/hook?token=t`],
  );
  assert.ok(endpoint !== undefined);
  const { endpoint_id: id, secret } = endpoint;
  const key = parseSealingKey("a".repeat(64));
  assert.ok(key !== null);
  await database.pool.query("update postrider.endpoint_secret set secret = $2 where endpoint_id = $1", [
    id,
    seal(key, { endpointId: id, kind: "hmac" }, secret),
  ]);
  const event = await insertEvent(database.pool, "signed.one", { payload: '{"a":  1}' });
  const path = `/events/${event}/deliveries/${id}/request`;
  const { url: api } = await startConsole(t, database, { secrets: secretsOf(t, [key]) });
  const admin = await createKey(database.pool, ["operate", "payload"], "curious operator");
  const plain = await ask<Shown>(api, path, admin);
  assert.equal(plain.status, 200, plain.text);
  assert.doesNotMatch(plain.text, /webhook-signature/);
  assert.deepEqual([plain.body.valid_until, plain.body.attempt_number], [null, 1]);
  const noted = () =>
    rowsOf(
      database.pool,
      "select action, on_behalf_of, acting_as from postrider.audit where event_id = $1 and endpoint_id = $2",
      [event, id],
    );
  const opening = { method: "POST", body: JSON.stringify({ key: admin }) };
  const cookie = (await ask(api, "/session", null, opening)).headers.get("set-cookie")?.split(";")[0] ?? "";
  const statusFrom = async (site: string, asked: string) =>
    (await ask(api, asked, null, { headers: { cookie, "sec-fetch-site": site } })).status;
  assert.equal(await statusFrom("same-origin", path), 200);
  for (const site of ["cross-site", "same-site", "none"]) {
    assert.equal(await statusFrom(site, `${path}?signed=true`), 403, site);
  }
  assert.deepEqual(await noted(), []);
  const signed = await ask<Shown>(api, `${path}?signed=true`, admin);
  assert.equal(signed.status, 200, signed.text);
  assert.ok(!signed.text.includes(secret.slice(6)));
  assert.deepEqual(await noted(), [
    { action: "sign_request", on_behalf_of: "curious operator", acting_as: "postrider_operator" },
  ]);
  await promisify(execFile)("bash", ["-c", signed.body.curl]);
  const [got] = arrived;
  assert.ok(got !== undefined);
  const header = (name: string) => got.rawHeaders[got.rawHeaders.indexOf(name) + 1];
  const timestamp = Number(header("webhook-timestamp"));
  assert.equal(Date.parse(signed.body.valid_until ?? ""), (timestamp + 300) * 1_000);
  const parsed = parseSecret(secret);
  assert.ok(parsed.kind === "key");
  const verify = (now: number) =>
    verifySignature(
      [parsed.key],
      { id: header("webhook-id"), timestamp: header("webhook-timestamp"), signature: header("webhook-signature") },
      got.body,
      now,
    ).kind;
  assert.deepEqual([verify(timestamp + 300), verify(timestamp + 301)], ["verified", "rejected"]);
});

test("a request is shown only to who may read payloads and act, and not of what is gone, elsewhere or never sent", async (t) => {
  const { url, ask: askAs } = await startConsole(t, database);
  const key = await createKey(database.pool, ["admin"]);
  const id = await createEndpoint(database.pool, ["told.*"]);
  const event = await insertEvent(database.pool, "told.one");
  const path = (eventId: string, endpointId = id) => `/events/${eventId}/deliveries/${endpointId}/request`;
  for (const [scopes, lacked] of [
    [["read", "payload"], "operate"],
    [["operate"], "payload"],
  ] as const) {
    const refused = await askAs(scopes, path(event));
    assert.deepEqual([refused.status, refused.body.scope], [403, lacked]);
  }
  const refusals: readonly (readonly [string, number, RegExp])[] = [
    [`${path(event)}?signed=true`, 409, /may read no secret.*postrider run/],
    [`${path(event)}?signed=yes`, 400, /neither true nor false/],
    [path("019a0000-0000-7000-8000-000000000000"), 404, /no such event/],
    [path(await insertEvent(database.pool, "told.one", { tenant: "acme" })), 404, /one tenant/],
    [
      path(await insertEvent(database.pool, "told.big", { payload: JSON.stringify("x".repeat(2_000_000)) })),
      409,
      /more than 1048576 bytes/,
    ],
  ];
  for (const [asked, status, said] of refusals) {
    const answer: Answer = await ask(url, asked, key);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.text, said);
  }
  assert.equal(
    await askFor(
      database.pool,
      "select count(*)::integer from postrider.audit where action = 'sign_request' and event_id = $1",
      [event],
    ),
    0,
  );
  await database.pool.query("select postrider.erase_event($1)", [event]);
  assert.match((await ask(url, path(event), key)).text, /was erased/);
  assert.equal((await ask(url, path(event), key)).status, 409);
});
