/** Requests that say who sends: credentials as a receiver gets them, tokens, and what becomes of a delivery without one. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { parseSealingKey, type SealingKey } from "../../src/secrets/sealing.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { listenFor } from "../support/listen.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

const SECRET = "s3cret-0f-the-test";

let receiver: ScriptedReceiver;
let tokens: ScriptedReceiver;
before(async () => {
  [receiver, tokens] = await Promise.all([ScriptedReceiver.start(), ScriptedReceiver.start()]);
});
after(async () => {
  await receiver.stop();
  await tokens.stop();
});
beforeEach(() => reset(database.pool));

async function run(t: TestContext, changes: Partial<Config> = {}) {
  const running = await startDaemon(database.url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

function create(path: string, options: Readonly<Record<string, unknown>>): Promise<string> {
  return createEndpoint(database.pool, ["*"], {
    url: receiver.url(path),
    options: { retry_schedule: ["200 ms", "200 ms"], ...options },
  });
}

interface AttemptRow {
  readonly failure_kind: string | null;
  readonly http_status: number | null;
  readonly error: string | null;
  readonly requests: number | null;
  readonly duration_ms: number;
  readonly response_body: string | null;
  readonly response_headers: Readonly<Record<string, string>> | null;
}

async function attemptsOf(endpoint: string, count = 1): Promise<readonly AttemptRow[]> {
  const find = () =>
    rowsOf<AttemptRow>(
      database.pool,
      "select * from postrider.attempt where endpoint_id = $1 order by attempt_number, started_at",
      [endpoint],
    );
  await until(`${count} attempts are recorded`, async () => (await find()).length >= count);
  return find();
}

for (const [name, auth, header, value] of [
  [
    "basic",
    { type: "basic", username: "mé", password: SECRET },
    "authorization",
    `Basic ${Buffer.from(`mé:${SECRET}`).toString("base64")}`,
  ],
  ["bearer", { type: "bearer", token: SECRET }, "authorization", `Bearer ${SECRET}`],
  ["header", { type: "header", name: "X-Api-Key", value: `$${SECRET}` }, "x-api-key", `$${SECRET}`],
] as const) {
  test(`${name}: every request has it, and an answer that repeats it is kept without it`, async (t) => {
    receiver.script(`/${name}`, ({ headers }) => ({
      kind: "status",
      status: 500,
      headers: { "x-echo": String(headers[header]) },
      body: `you sent ${headers[header]}`,
    }));
    const { emitted } = await run(t);
    const endpoint = await create(`/${name}`, { auth, headers: { "x-order": "$.order_id", "x-fixed": "y" } });
    await insertEvent(database.pool, "order.paid", { payload: '{"order_id": 42}' });
    await receiver.got(`/${name}`, 2);
    for (const request of receiver.requests(`/${name}`)) {
      assert.equal(request.headers[header], value);
      assert.equal(request.headers["x-order"], "42");
      assert.equal(request.headers["x-fixed"], "y");
    }
    const kept = JSON.stringify(await attemptsOf(endpoint, 2));
    assert.ok(kept.includes("(hidden)") && !kept.includes(SECRET), kept);
    assert.ok(!JSON.stringify(emitted.kept).includes(SECRET));
  });
}

test("an edit of the credential reaches the next request, and taking it away, too", async (t) => {
  await run(t);
  const endpoint = await create("/edited", { auth: { type: "bearer", token: "first-token" } });
  const set = (auth: unknown) =>
    database.pool.query("update postrider.endpoint set auth = $2 where id = $1", [
      endpoint,
      auth && JSON.stringify(auth),
    ]);
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/edited", 1);
  await set({ type: "bearer", token: "second-token" });
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/edited", 2);
  await set(null);
  await insertEvent(database.pool, "order.paid");
  await receiver.got("/edited", 3);
  assert.deepEqual(
    receiver.requests("/edited").map(({ headers }) => headers.authorization),
    ["Bearer first-token", "Bearer second-token", undefined],
  );
});

test("endpoints with different credentials at one origin share no connection", async (t) => {
  await run(t);
  const paths = ["/alice", "/bob", "/nobody"];
  await create("/alice", { auth: { type: "bearer", token: "alice-token" } });
  await create("/bob", { auth: { type: "bearer", token: "bob-token" } });
  await create("/nobody", {});
  const before = receiver.connections;
  for (let round = 1; round <= 3; round += 1) {
    await insertEvent(database.pool, "order.paid");
    for (const path of paths) {
      await receiver.got(path, round);
    }
  }
  assert.equal(receiver.connections - before, 3);
});

function newKey(): SealingKey {
  const key = parseSealingKey(randomBytes(32).toString("base64"));
  assert.ok(key !== null);
  return key;
}

describe("a sealed credential", () => {
  const stored = async (endpoint: string) =>
    String(
      await askFor(
        database.pool,
        "select secret from postrider.endpoint_secret where endpoint_id = $1 and kind = 'auth'",
        [endpoint],
      ),
    );

  test("works as before, and pauses the endpoint where it cannot be read", async (t) => {
    const key = newKey();
    const sealing = await startDaemon(database.url, { encryptionKeys: [key] });
    const endpoint = await create("/sealed", { auth: { type: "bearer", token: SECRET } });
    await until("it is sealed", async () => (await stored(endpoint)).startsWith(`sealed:v1:${key.id}:`));
    await insertEvent(database.pool, "order.paid");
    await receiver.got("/sealed", 1);
    assert.equal(receiver.requests("/sealed")[0]?.headers.authorization, `Bearer ${SECRET}`);
    // Written again, it is known to be the same.
    const sealed = await stored(endpoint);
    await database.pool.query("update postrider.endpoint set auth = $2 where id = $1", [
      endpoint,
      JSON.stringify({ type: "bearer", token: SECRET }),
    ]);
    assert.equal(await stored(endpoint), sealed);
    await sealing.daemon.stop();

    // The secret that signs is readable, so that the credential alone decides.
    await database.pool.query("select postrider.rotate_secret($1, '0')", [endpoint]);
    await run(t, { encryptionKeys: [newKey()] });
    await insertEvent(database.pool, "order.paid");
    const state = () =>
      askFor(database.pool, "select state || ': ' || state_reason from postrider.endpoint where id = $1", [endpoint]);
    await until("the endpoint is paused", async () => /^paused/.test(String(await state())));
    assert.match(String(await state()), new RegExp(`the secret of auth is sealed with the key ${key.id}`));
    assert.equal(receiver.requests("/sealed").length, 1);
    await database.pool.query("update postrider.endpoint set auth = $2 where id = $1", [
      endpoint,
      JSON.stringify({ type: "bearer", token: "fresh-token" }),
    ]);
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    await receiver.got("/sealed", 2);
    assert.equal(receiver.requests("/sealed")[1]?.headers.authorization, "Bearer fresh-token");
  });

  test("that is gone fails the attempts, and nothing is sent without it", async (t) => {
    await run(t);
    const endpoint = await create("/gone", { auth: { type: "bearer", token: SECRET } });
    await database.pool.query("delete from postrider.endpoint_secret where endpoint_id = $1 and kind = 'auth'", [
      endpoint,
    ]);
    await insertEvent(database.pool, "order.paid");
    const [attempt] = await attemptsOf(endpoint);
    assert.match(attempt?.error ?? "", /auth has lost its secret; write it anew/);
    assert.equal(receiver.requests("/gone").length, 0);
  });
});

describe("oauth2", () => {
  let count = 0;
  /** Each server and each receiver of a test has a path. */
  function paths() {
    count += 1;
    return { tokenPath: `/token/${count}`, hookPath: `/hook/${count}` };
  }

  function issue(token: string, more: Readonly<Record<string, unknown>> = {}): Answer {
    const body = JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3600, ...more });
    return { kind: "status", status: 200, headers: { "content-type": "application/json" }, body };
  }

  /** Issues token-1, token-2, …. */
  function counting(path: string): void {
    let issued = 0;
    tokens.script(path, () => {
      issued += 1;
      return issue(`token-${issued}`);
    });
  }

  function oauth2(tokenPath: string, more: Readonly<Record<string, unknown>> = {}) {
    return {
      type: "oauth2",
      token_url: tokens.url(tokenPath),
      client_id: "client:1",
      client_secret: `${SECRET}+/&`,
      scope: "hooks:write",
      ...more,
    };
  }

  const bearerOf = ({ headers }: Received) => headers.authorization;

  test("a token is fetched once for all deliveries, by the credentials in a header", async (t) => {
    const { tokenPath, hookPath } = paths();
    counting(tokenPath);
    const { emitted } = await run(t);
    await create(hookPath, { auth: oauth2(tokenPath, { audience: "https://api.test/" }) });
    await insertEvents(database.pool, "order.paid", 40);
    await receiver.got(hookPath, 40);
    assert.deepEqual(new Set(receiver.requests(hookPath).map(bearerOf)), new Set(["Bearer token-1"]));
    const [request, ...others] = tokens.requests(tokenPath);
    assert.deepEqual(others, []);
    const credentials = `client%3A1:${SECRET}%2B%2F%26`;
    assert.equal(request?.headers.authorization, `Basic ${Buffer.from(credentials).toString("base64")}`);
    assert.equal(request?.headers["content-type"], "application/x-www-form-urlencoded");
    assert.deepEqual(Object.fromEntries(new URLSearchParams(request?.body.toString())), {
      grant_type: "client_credentials",
      scope: "hooks:write",
      audience: "https://api.test/",
    });
    assert.ok(!JSON.stringify(emitted.kept).includes("token-1"));
  });

  test("client_secret_post sends the credentials in the body", async (t) => {
    const { tokenPath, hookPath } = paths();
    counting(tokenPath);
    await run(t);
    await create(hookPath, { auth: oauth2(tokenPath, { token_endpoint_auth_method: "client_secret_post" }) });
    await insertEvent(database.pool, "order.paid");
    await receiver.got(hookPath, 1);
    const [request] = tokens.requests(tokenPath);
    assert.equal(request?.headers.authorization, undefined);
    const form = Object.fromEntries(new URLSearchParams(request?.body.toString()));
    assert.equal(form.client_id, "client:1");
    assert.equal(form.client_secret, `${SECRET}+/&`);
  });

  test("a token that expires is fetched again, and an edit of another option needs none", async (t) => {
    const { tokenPath, hookPath } = paths();
    let issued = 0;
    tokens.script(tokenPath, () => {
      issued += 1;
      return issue(`token-${issued}`, { expires_in: issued === 1 ? "3600" : 0 });
    });
    await run(t);
    const endpoint = await create(hookPath, { auth: oauth2(tokenPath) });
    for (let sent = 1; sent <= 2; sent += 1) {
      await insertEvent(database.pool, "order.paid");
      await receiver.got(hookPath, sent);
      await database.pool.query("update postrider.endpoint set timeout_ms = timeout_ms + 1 where id = $1", [endpoint]);
    }
    assert.equal(issued, 1);
    await database.pool.query("update postrider.endpoint set auth = $2 where id = $1", [
      endpoint,
      JSON.stringify(oauth2(tokenPath, { scope: "other" })),
    ]);
    for (let sent = 3; sent <= 4; sent += 1) {
      await insertEvent(database.pool, "order.paid");
      await receiver.got(hookPath, sent);
    }
    assert.deepEqual(receiver.requests(hookPath).map(bearerOf), [
      "Bearer token-1",
      "Bearer token-1",
      "Bearer token-2",
      "Bearer token-3",
    ]);
  });

  test("a 401 gets a new token and one more request within the attempt", async (t) => {
    const { tokenPath, hookPath } = paths();
    counting(tokenPath);
    await run(t);
    receiver.script(hookPath, ({ headers }) => (headers.authorization === "Bearer token-2" ? OK : status(401)));
    const endpoint = await create(hookPath, { auth: oauth2(tokenPath) });
    await insertEvent(database.pool, "order.paid");
    const [attempt, ...others] = await attemptsOf(endpoint);
    assert.deepEqual(others, []);
    assert.equal(attempt?.http_status, 200);
    assert.equal(attempt?.requests, 2);
    const [first, second] = receiver.requests(hookPath);
    assert.equal(first?.id, second?.id);
    assert.equal(second?.headers["postrider-attempt"], "1");
  });

  test("a receiver that refuses every token gets two requests an attempt, and the attempt fails with its status", async (t) => {
    const { tokenPath, hookPath } = paths();
    counting(tokenPath);
    await run(t);
    receiver.script(hookPath, ({ headers }) => ({ kind: "status", status: 401, body: `no: ${headers.authorization}` }));
    const endpoint = await create(hookPath, { auth: oauth2(tokenPath), retry_schedule: [] });
    await insertEvent(database.pool, "order.paid");
    const [attempt] = await attemptsOf(endpoint);
    assert.deepEqual([attempt?.failure_kind, attempt?.http_status, attempt?.requests], ["status", 401, 2]);
    assert.equal(attempt?.response_body, "no: Bearer (hidden)");
    assert.equal(receiver.requests(hookPath).length, 2);
    assert.equal(tokens.requests(tokenPath).length, 2);
  });

  test("a 401 that is cut off as the daemon stops gets no new token, and the daemon stops", async (t) => {
    const { tokenPath } = paths();
    counting(tokenPath);
    const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 100 });
    const server = createServer((_, response) => void response.writeHead(401, { "content-length": "9" }).write("wait"));
    const port = await listenFor(t, server);
    const hooked = once(server, "request");
    await createEndpoint(database.pool, ["*"], {
      url: `http://127.0.0.1:${port}/`,
      options: { auth: oauth2(tokenPath) },
    });
    await insertEvent(database.pool, "order.paid");
    await hooked;
    assert.equal(await daemon.stop(), true);
    assert.equal(tokens.requests(tokenPath).length, 1);
  });

  const FAILING: readonly (readonly [string, Answer, RegExp])[] = [
    [
      "refuses the client, and quotes its secret",
      {
        kind: "status",
        status: 401,
        body: JSON.stringify({ error: "invalid_client", error_description: `${SECRET} is wrong` }),
      },
      /^the token endpoint gave no token: it answered 401 \(invalid_client\)$/,
    ],
    [
      "answers 500 with an error of its own",
      { kind: "status", status: 500, body: `{"error":"${SECRET}"}` },
      /it answered 500$/,
    ],
    ["redirects", status(307, { location: "http://127.0.0.1:1/" }), /it answered 307$/],
    ["answers 204", status(204), /it answered 204$/],
    ["answers something else", { kind: "status", status: 200, body: "<html>" }, /its answer is no JSON object/],
    [
      "answers with too much",
      { kind: "status", status: 200, body: `{"a":"${"x".repeat(100_000)}` },
      /no JSON object, or longer/,
    ],
    ["has no token", issue("", {}), /no access_token that a header can carry$/],
    ["has a token with a line break", issue("a\r\nx-forged: y"), /no access_token that a header can carry$/],
    ["has a token of another type", issue("token", { token_type: "mac" }), /token_type other than Bearer$/],
    ["closes the connection", { kind: "reset" }, /^the token endpoint gave no token: it (closed|reset) the connection/],
  ];
  for (const [what, answer, sentence] of FAILING) {
    test(`a token endpoint that ${what} fails the attempt, and nothing is sent`, async (t) => {
      const { tokenPath, hookPath } = paths();
      tokens.script(tokenPath, answer);
      const { emitted } = await run(t);
      const endpoint = await create(hookPath, { auth: oauth2(tokenPath), retry_schedule: [] });
      await insertEvent(database.pool, "order.paid");
      const [attempt] = await attemptsOf(endpoint);
      assert.equal(attempt?.failure_kind, "auth");
      assert.equal(attempt?.http_status, null);
      assert.match(attempt?.error ?? "", sentence);
      assert.equal(receiver.requests(hookPath).length, 0);
      assert.ok(!JSON.stringify([attempt, emitted.kept]).includes(SECRET));
    });
  }

  test("a token endpoint that hangs costs its deliveries their time limit, and others nothing", async (t) => {
    const { tokenPath, hookPath } = paths();
    tokens.script(tokenPath, { kind: "hang" });
    await run(t);
    const endpoint = await create(hookPath, { auth: oauth2(tokenPath), timeout_ms: 400, retry_schedule: [] });
    await create(`${hookPath}/beside`, {});
    await insertEvents(database.pool, "order.paid", 3);
    await receiver.got(`${hookPath}/beside`, 3);
    for (const attempt of await attemptsOf(endpoint, 3)) {
      assert.equal(attempt.failure_kind, "timeout");
      assert.match(attempt.error ?? "", /the token endpoint gave no token/);
      assert.ok(attempt.duration_ms >= 380 && attempt.duration_ms < 2_000, String(attempt.duration_ms));
    }
    assert.equal(receiver.requests(hookPath).length, 0);
  });

  test("egress judges the token endpoint, too", async (t) => {
    const { hookPath } = paths();
    await run(t);
    const endpoint = await create(hookPath, {
      auth: { ...oauth2("/"), token_url: "http://169.254.169.254/latest/meta-data/" },
      retry_schedule: [],
    });
    await insertEvent(database.pool, "order.paid");
    const [attempt] = await attemptsOf(endpoint);
    assert.equal(attempt?.failure_kind, "blocked");
    assert.match(attempt?.error ?? "", /^the token endpoint gave no token: egress refused/);
    assert.equal(receiver.requests(hookPath).length, 0);
  });

  test("a batch is sent with a token as well", async (t) => {
    const { tokenPath, hookPath } = paths();
    counting(tokenPath);
    await run(t);
    await create(hookPath, { auth: oauth2(tokenPath), batch_size: 10, batch_delay_ms: 50 });
    await insertEvents(database.pool, "order.paid", 5);
    await receiver.got(hookPath, 1);
    assert.equal(receiver.requests(hookPath)[0]?.headers.authorization, "Bearer token-1");
  });
});
