/** What the API changes: by whom, as whom, and what it refuses. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hashOf } from "../../src/console/caller.ts";
import { ConsoleDatabase } from "../../src/console/consoleDatabase.ts";
import { openApiText } from "../../src/console/openapi.ts";
import { ROUTES } from "../../src/console/routes.ts";
import { type Answer, ask, createKey, type List, type Members, startConsole } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  createEndpoint,
  IN_A_WEEK,
  insertEvent,
  openSession,
  recordResults,
  resultOf,
  rowsOf,
} from "../support/engine.ts";

const database = useDatabase();

const DAEMON = "00000000-0000-7000-8000-00000000000d";

type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** Asks with a key of this name, which may do everything. */
async function admin(t: TestContext, name: string): Promise<Send> {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["admin"], name);
  return (method, path, body, headers = {}) =>
    ask(url, path, key, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

/** What is in every table, but for when a key was used. */
async function contents(): Promise<ReadonlyMap<string, string>> {
  const tables = await rowsOf<{ name: string }>(
    database.pool,
    `select c.relname as name from pg_class c
     where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const hashes = new Map<string, string>();
  for (const { name } of tables) {
    const row = name === "api_key" ? "to_jsonb(t) - 'last_used_at'" : "t";
    const text = `select concat_ws(' ', count(*), md5(string_agg((${row})::text, '|' order by (${row})::text))) from postrider.${name} t`;
    hashes.set(name, String(await askFor(database.pool, text)));
  }
  return hashes;
}

test("a reader's key changes nothing by any operation of the document, whatever it asks for", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["read", "payload"]);
  const endpoint_id = await createEndpoint(database.pool, ["walked.*"]);
  const event_id = await insertEvent(database.pool, "walked.one");
  const pairs = (await claimAll(database.pool, { daemon: DAEMON })).filter((pair) => pair.event === event_id);
  await recordResults(database.pool, DAEMON, { first: pairs.map((pair) => resultOf(pair, { outcome: "exhausted" })) });
  const subscription_id = await askFor(database.pool, "select id from postrider.subscription where endpoint_id = $1", [
    endpoint_id,
  ]);
  await database.pool.query("select postrider.define_event_type('walked.one')");
  const key_id = await askFor(database.pool, "select id from postrider.api_key limit 1");
  const ids: Readonly<Record<string, unknown>> = { endpoint_id, event_id, subscription_id, key_id, name: "walked.one" };
  const document = JSON.parse(openApiText()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  };
  const before = await contents();
  let writes = 0;
  for (const [path, operations] of Object.entries(document.paths)) {
    // Logging in is what a key may do.
    if (path.endsWith("/session")) continue;
    for (const [method, operation] of Object.entries(operations)) {
      const asked = path.replace("/api/v1", "").replaceAll(/\{(\w+)\}/g, (_, name) => String(ids[name] ?? event_id));
      const { operationId, parameters, requestBody } = operation;
      const query = parameters
        .filter((parameter) => parameter.in === "query" && parameter.required)
        .map(
          ({ name }) =>
            `${name}=${encodeURIComponent(String(ids[name] ?? (name === "filter" ? "$.a > 1" : "walked.*")))}`,
        );
      const body = JSON.stringify(requestBody?.content["application/json"].example ?? {});
      const answer = await ask(url, `${asked}?${query.join("&")}`, key, {
        method: method.toUpperCase(),
        ...(requestBody !== undefined && { body }),
      });
      const mayRead = ["read", "payload"].includes(operation["x-scope"]);
      writes += mayRead ? 0 : 1;
      assert.equal(answer.status === 403, !mayRead, `${operationId}: ${answer.status} ${answer.text}`);
      assert.ok(answer.status < 500, `${operationId}: ${answer.text}`);
    }
  }
  assert.ok(writes > 25);
  assert.deepEqual(await contents(), before);
});

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly example?: unknown } } };
  readonly "x-scope": string;
}

const OWN: Readonly<Record<string, (endpoint: string) => object>> = {
  replay: (endpoint_id) => ({ endpoint_id, since: "2020-01-01T00:00:00Z" }),
  reschedule: () => ({ at: IN_A_WEEK }),
};

test("the bodies that the document gives as examples are taken", async (t) => {
  const send = await admin(t, "literal");
  t.after(async () => {
    await database.pool.query("update postrider.sending set is_on = true, reason = null");
    await database.pool.query("update postrider.event_type_policy set unknown_types = 'allowed'");
    await database.pool.query("select postrider.drop_event_type('exemplary.one')");
  });
  const exemplary = ROUTES.filter(({ example }) => example !== undefined);
  assert.ok(exemplary.length > 10);
  const event_id = await insertEvent(database.pool, "exemplary.one", { deliverAt: IN_A_WEEK });
  const prepared = new Map<string, { readonly endpoint_id: string; readonly delivered: string }>();
  for (const { name } of exemplary) {
    const endpoint_id = await createEndpoint(database.pool, []);
    prepared.set(name, { endpoint_id, delivered: await addPending(database.pool, endpoint_id) });
  }
  for (const { method, path, name, example } of exemplary) {
    const { endpoint_id = "", delivered = "" } = prepared.get(name) ?? {};
    const isOfDelivery = path.includes("{event_id}") && path.includes("{endpoint_id}");
    const ids: Readonly<Record<string, unknown>> = {
      ...{ endpoint_id, event_id: isOfDelivery ? delivered : event_id, name: "exemplary.one" },
    };
    const asked = path.replaceAll(/\{(\w+)\}/g, (_, id: string) => String(ids[id]));
    // What is of this database or of this day.
    const own = OWN[name]?.(endpoint_id) ?? {};
    const answer = await send(method, asked, { ...(example as object), ...own });
    assert.ok(answer.status < 300, `${name}: ${answer.status} ${answer.text}`);
  }
});

test("what only reads can write nothing in Postgres, and acts as the role of its scope", async (t) => {
  const { login } = await startConsole(t, database);
  const consoleDatabase = new ConsoleDatabase({ apiDatabaseUrl: login.url, apiDatabaseUrlFile: null });
  t.after(() => consoleDatabase.stop());
  const credential = { kind: "key", hash: hashOf(await createKey(database.pool, ["admin"])) } as const;
  const pausing = (method: "GET" | "POST") =>
    consoleDatabase.act(credential, { scope: "payload", method }, (transaction) =>
      transaction.query("update postrider.sending set reason = null"),
    );
  await assert.rejects(pausing("GET"), /cannot execute UPDATE in a read-only transaction/);
  await pausing("POST");
  const role = await consoleDatabase.act(credential, { scope: "read", method: "GET" }, (transaction) =>
    transaction.query<{ role: string }>("select current_user as role"),
  );
  assert.ok(role.kind === "done");
  assert.deepEqual(role.value.rows, [{ role: "postrider_reader" }]);
});

test("an endpoint is created, changed, paused, given a secret and removed, and the audit says for whom", async (t) => {
  const send = await admin(t, "ops of the shop");
  const created = await send("POST", "/endpoints", {
    url: "https://receiver.test/hook",
    event_types: ["order.*"],
    options: { name: "billing-eu", retry_schedule: ["5 s"] },
  });
  assert.equal(created.status, 201, created.text);
  const { endpoint_id: id, secret } = created.body;
  assert.match(String(secret), /^whsec_/);
  const path = `/endpoints/${id}`;
  const tag = (await send("GET", path)).headers.get("etag") ?? "";
  const changed = await send("PATCH", path, { timeout_ms: 500, description: null }, { "if-match": tag });
  assert.equal(changed.status, 204, changed.text);
  const stale = await send("PATCH", path, { timeout_ms: 600 }, { "if-match": tag });
  assert.equal(stale.status, 412);
  assert.equal((await send("GET", path)).body.timeout_ms, 500);
  assert.equal((await send("POST", `${path}/pause`, { reason: "their maintenance" })).status, 204);
  assert.equal((await send("GET", path)).body.state_reason, "their maintenance");
  assert.equal((await send("POST", `${path}/resume`)).status, 204);
  assert.equal((await send("POST", `${path}/disable`, { reason: "gone" })).status, 204);
  assert.equal((await send("POST", `${path}/enable`)).status, 204);
  const rotated = await send("POST", `${path}/rotate-secret`, { overlap: "1 hour" });
  assert.equal(rotated.status, 201, rotated.text);
  assert.notEqual(rotated.body.secret, secret);
  const tested = await send("POST", `${path}/test`, { payload: { a: 1 } });
  assert.equal(tested.status, 201, tested.text);
  const subscribed = await send("POST", `${path}/subscriptions`, { event_type: "cart.*", filter: "$.amount > 1" });
  assert.equal(subscribed.status, 201, subscribed.text);
  assert.equal((await send("DELETE", `/subscriptions/${subscribed.body.subscription_id}`)).status, 204);
  const dry = await send("DELETE", `${path}?dry_run=true`);
  assert.equal(dry.body.name, "billing-eu");
  assert.equal((await send("DELETE", `${path}?reason=tidy`)).status, 200);
  assert.equal((await send("GET", path)).status, 404);
  const noted = await rowsOf<{ action: string; on_behalf_of: string; acting_as: string }>(
    database.pool,
    "select action, on_behalf_of, acting_as from postrider.audit where endpoint_id = $1 order by id",
    [id],
  );
  assert.deepEqual(
    noted.map(({ action }) => action),
    [
      ...[
        "create_endpoint",
        "update endpoint",
        "pause_endpoint",
        "resume_endpoint",
        "disable_endpoint",
        "enable_endpoint",
      ],
      ...["rotate_secret", "send_test_event", "subscribe", "unsubscribe", "delete_endpoint"],
    ],
  );
  for (const row of noted) {
    assert.deepEqual([row.on_behalf_of, row.acting_as], ["ops of the shop", "postrider_operator"], row.action);
  }
  const audit = (await send("GET", `/audit?endpoint_id=${id}&by=${encodeURIComponent("ops of the shop")}`)).body;
  assert.equal((audit as unknown as List).data.length, noted.length);
});

test("a change leaves every other setting as it was, credentials included", async (t) => {
  const send = await admin(t, "careful");
  const auth = { type: "basic", username: "shop", password: "s3cret" };
  const id = await createEndpoint(database.pool, ["*"], {
    options: { headers: { "x-key": "1" }, auth, rate_limit: 2.5 },
  });
  const settings = () =>
    askFor(
      database.pool,
      "select to_jsonb(e) - '{timeout_ms,revision,updated_at}'::text[] from postrider.endpoint e where id = $1",
      [id],
    );
  const secrets = () =>
    rowsOf(database.pool, "select * from postrider.endpoint_secret where endpoint_id = $1 order by id", [id]);
  const before = [await settings(), await secrets()];
  assert.equal((await send("PATCH", `/endpoints/${id}`, { timeout_ms: 700 })).status, 204);
  assert.deepEqual([await settings(), await secrets()], before);
  assert.equal(await askFor(database.pool, "select timeout_ms from postrider.endpoint where id = $1", [id]), 700);
});

const keyed = (key: string) => ({ "idempotency-key": key });

test("a request that is repeated with its Idempotency-Key is done once, and what is shown once is kept nowhere", async (t) => {
  const send = await admin(t, "persistent");
  const endpoint = { url: "https://receiver.test/once", options: { name: "made once" } };
  const made = await send("POST", "/endpoints", endpoint, keyed('"8e03978e-40d5-43dd-bc93-6894a57f9324"'));
  assert.equal(made.status, 201, made.text);
  const again = await send("POST", "/endpoints", endpoint, keyed("8e03978e-40d5-43dd-bc93-6894a57f9324"));
  assert.equal(again.status, 201, again.text);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  const { note, ...rest } = again.body;
  assert.deepEqual(rest, { endpoint_id: made.body.endpoint_id, secret: null });
  assert.match(String(note), /not shown again/);
  const other = await send(
    "POST",
    "/endpoints",
    { ...endpoint, tenant: "acme" },
    keyed("8e03978e-40d5-43dd-bc93-6894a57f9324"),
  );
  assert.equal(other.status, 422);
  assert.match(other.text, /was used for another request/);
  assert.equal(
    (await send("POST", "/keys", { name: "once" }, keyed("the keys"))).status,
    400,
    "a blank is no part of a plain one",
  );
  const key = await send("POST", "/keys", { name: "once" }, keyed('"the keys"'));
  assert.match(String(key.body.key), /^prk_/);
  assert.equal((await send("POST", "/keys", { name: "once" }, keyed('"the keys"'))).body.key, null);
  const path = `/endpoints/${made.body.endpoint_id}`;
  for (let n = 0; n < 2; n++) {
    assert.equal((await send("POST", `${path}/pause`, { reason: "twice" }, keyed("pause"))).status, 204);
    assert.equal((await send("POST", `${path}/test`, {}, keyed("test"))).status, 201);
  }
  const actions = await rowsOf<{ action: string }>(
    database.pool,
    "select action from postrider.audit where endpoint_id = $1 order by id",
    [made.body.endpoint_id],
  );
  assert.deepEqual(
    actions.map(({ action }) => action),
    ["create_endpoint", "pause_endpoint", "send_test_event"],
  );
  const kept = await askFor(
    database.pool,
    "select string_agg(r::text || encode(r.id || r.request_hash, 'escape'), '') from postrider.api_request r",
  );
  for (const secret of [made.body.secret, key.body.key, "8e03978e", "the keys"]) {
    assert.ok(!String(kept).includes(String(secret)), String(secret));
  }
});

test("an Idempotency-Key is its caller's own, begins anew after a day, and survives what was refused", async (t) => {
  const { url } = await startConsole(t, database);
  await database.pool.query("delete from postrider.api_request");
  const [one, two] = [await createKey(database.pool, ["admin"]), await createKey(database.pool, ["admin"])];
  const make = (key: string, body: unknown, value = "shared") =>
    ask(url, "/endpoints", key, { method: "POST", body: JSON.stringify(body), headers: keyed(value) });
  const [first, second] = [await make(one, { url: "https://a.test" }), await make(two, { url: "https://b.test" })];
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.equal((await make(one, { url: "ftp://a.test" }, "tried")).status, 422);
  assert.equal(
    (await make(one, { url: "https://a.test" }, "tried")).status,
    201,
    "it was not done, so it may be mended",
  );
  await database.pool.query("update postrider.api_request set created_at = created_at - interval '25 hours'");
  const later = await make(one, { url: "https://c.test" });
  assert.equal(later.status, 201, later.text);
  assert.notEqual(later.body.endpoint_id, first.body.endpoint_id);
  assert.equal((await make(one, { url: "https://c.test" })).body.endpoint_id, later.body.endpoint_id);
  const event = await ask(url, "/events", one, {
    method: "POST",
    body: '{"event_type": "a.b", "payload": 1}',
    headers: keyed("event"),
  });
  assert.equal(event.status, 400);
  assert.match(event.text, /idempotency_key/);
  const rows = () => askFor(database.pool, "select count(*)::integer from postrider.api_request");
  assert.equal(await rows(), 3);
  await database.pool.query("select postrider_internal.delete_records(now(), now())");
  assert.equal(await rows(), 1, "those of more than a day are removed");
});

test("a request that comes while the same one is in progress is told so, and does not wait", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["admin"]);
  const id = await createEndpoint(database.pool, ["*"]);
  const pause = () => ask(url, `/endpoints/${id}/pause`, key, { method: "POST", headers: keyed("pausing") });
  await database.pool.query("delete from postrider.api_request");
  assert.equal((await pause()).status, 204);
  const first = await openSession(t, database.url);
  await first.query("begin");
  await first.query("select postrider_internal.begin_api_request(r.id, r.request_hash) from postrider.api_request r");
  const second = await pause();
  assert.equal(second.status, 409);
  assert.equal(second.headers.get("retry-after"), "1");
  await first.query("commit");
  assert.equal((await pause()).headers.get("idempotent-replayed"), "true");
});

test("what Postgres refuses is refused in its words", async (t) => {
  const send = await admin(t, "clumsy");
  const id = await createEndpoint(database.pool, ["*"], { options: { name: "taken" } });
  const other = await createEndpoint(database.pool, ["*"]);
  const cases: readonly (readonly [string, string, unknown, number, RegExp])[] = [
    ["PATCH", `/endpoints/${id}`, { timeout: 5 }, 400, /timeout.*is no member.*Did you mean timeout_ms\?/],
    ["PATCH", `/endpoints/${id}`, { timeout_ms: 5 }, 422, /timeout_ms is between 100 and 120000.*23514/],
    ["PATCH", `/endpoints/${other}`, { name: "taken" }, 409, /name is unique within its tenant.*23505/],
    ["PATCH", `/endpoints/${id}`, [1], 400, /the body is not a JSON object/],
    ["POST", "/endpoints", { url: "ftp://receiver.test" }, 422, /url is http or https/],
    ["POST", "/endpoints", { url: 5 }, 400, /url is a number/],
    [
      "POST",
      "/endpoints",
      { url: "https://a.test", event_types: "order.*" },
      400,
      /event_types is not a list of strings/,
    ],
    ["POST", `/endpoints/${id}/subscriptions`, {}, 400, /event_type is missing/],
    ["POST", `/endpoints/${id}/subscriptions`, { event_type: "a.*", filter: "$.a" }, 422, /is not a predicate/],
    ["POST", `/endpoints/${id}/rotate-secret`, { overlap: "9 years" }, 422, /an overlap of 9 years is not possible/],
    ["POST", "/events/019a0000-0000-7000-8000-000000000000/redeliver", undefined, 404, /there is no event/],
    ["DELETE", "/subscriptions/019a0000-0000-7000-8000-000000000000", undefined, 404, /there is no subscription/],
    ["PATCH", "/endpoints/019a0000-0000-7000-8000-000000000000", { timeout_ms: 500 }, 404, /there is none/],
  ];
  for (const [method, path, body, status, said] of cases) {
    const answer = await send(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.match(answer.text, said);
  }
});

test("events are published as they are written, in their order, and once for an idempotency key", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["publish"]);
  const publish = (body: string) => ask<List<{ id: string }>>(url, "/events", key, { method: "POST", body });
  const payload = '{"big": 12345678901234567890.10,  "z": 1, "a": [ ]}';
  const one = await publish(
    `{"event_type": "order.paid", "payload": ${payload}, "tenant": "acme", "idempotency_key": "k1"}`,
  );
  assert.equal(one.status, 200, one.text);
  const id = one.body.data[0]?.id;
  assert.deepEqual(
    await rowsOf(database.pool, "select payload::text, tenant from postrider.outbox where id = $1", [id]),
    [{ payload, tenant: "acme" }],
  );
  const again = await publish('{"event_type": "order.paid", "payload": 1, "tenant": "acme", "idempotency_key": "k1"}');
  assert.deepEqual(again.body.data, [{ id }]);
  const events = Array.from({ length: 30 }, (_, n) => `{"event_type": "order.${n}", "payload": ${n}}`);
  const many = await publish(`[${events.join(",")}]`);
  const types = await rowsOf<{ event_type: string }>(
    database.pool,
    "select event_type from unnest($1::uuid[]) with ordinality i (id, n) join postrider.outbox o on o.id = i.id order by i.n",
    [many.body.data.map((row) => row.id)],
  );
  assert.deepEqual(
    types.map(({ event_type }) => event_type),
    events.map((_, n) => `order.${n}`),
  );
  for (const [body, said] of [
    ['{"event_type": "order.paid", "payload": 1, "tennant": "acme"}', /tennant.* is no member of an event/],
    ['[{"event_type": "order.paid"}]', /payload/],
    ["[1]", /cannot call json_object_keys on a scalar/],
    ["{", /invalid input syntax for type json/],
    [`[${Array.from({ length: 1_001 }, () => "{}").join(",")}]`, /not a list of at most 1000/],
  ] as const) {
    const refused = await publish(body);
    assert.equal(refused.status, 422, refused.text);
    assert.match(refused.text, said);
  }
});

test("JSON in a body reaches Postgres as it was written", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["admin"]);
  const id = await createEndpoint(database.pool, []);
  t.after(() => database.pool.query("select postrider.drop_event_type('digits.test')"));
  const payload = '{"big": 12345678901234567890.10,  "z": 1, "2": "\\"}{", "1": [ 1e400, -0 ]}';
  const body = `{"payload": 1, "event_type": "digits.test",\n "payload" : ${payload} }`;
  const tested = await ask(url, `/endpoints/${id}/test`, key, { method: "POST", body });
  assert.equal(tested.status, 201, tested.text);
  assert.equal(
    await askFor(database.pool, "select payload::text from postrider.outbox where id = $1", [tested.body.event_id]),
    payload,
  );
  const defined = await ask(url, "/event-types/digits.test", key, {
    method: "PUT",
    body: '{"json_schema": {"maximum": 12345678901234567890.10}, "description": null}',
  });
  assert.equal(defined.status, 204, defined.text);
  assert.equal(
    await askFor(database.pool, "select json_schema::text from postrider.event_type where name = 'digits.test'"),
    '{"maximum": 12345678901234567890.10}',
  );
  const created = await ask(url, "/endpoints", key, {
    method: "POST",
    body: '{"url": "https://receiver.test/", "options": {"rate_limit": 0.12345678901234567890}}',
  });
  assert.equal(created.status, 201, created.text);
  assert.equal(
    await askFor(database.pool, "select rate_limit::text from postrider.endpoint where id = $1", [
      created.body.endpoint_id,
    ]),
    "0.12345678901234567890",
  );
  const deep = `{"payload": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
  assert.equal((await ask(url, `/endpoints/${id}/test`, key, { method: "POST", body: deep })).status, 400);
});

test("a delivery is sent again, cancelled and replayed, and a replay is counted before it is made", async (t) => {
  const send = await admin(t, "patient");
  const id = await createEndpoint(database.pool, ["replayed.*"]);
  const event = await insertEvent(database.pool, "replayed.one");
  const pairs = (await claimAll(database.pool, { daemon: DAEMON })).filter((pair) => pair.event === event);
  await recordResults(database.pool, DAEMON, { first: pairs.map((pair) => resultOf(pair, { outcome: "exhausted" })) });
  const list = (await send("GET", `/deliveries?state=exhausted&endpoint_id=${id}`)).body as unknown as List;
  assert.deepEqual(
    list.data.map(({ event_id, state }) => [event_id, state]),
    [[event, "exhausted"]],
  );
  const failed = (await send("GET", `/attempts?endpoint_id=${id}&since=2000-01-01T00:00:00Z`)).body as unknown as List;
  assert.deepEqual(
    failed.data.map(({ event_id, failure_kind }) => [event_id, failure_kind]),
    [[event, "status"]],
  );
  const since = "2020-01-01T00:00:00Z";
  const dry = await send("POST", "/replays", { endpoint_id: id, since, dry_run: true });
  assert.deepEqual(dry.body, { replay_id: null, events: 1 });
  const made = await send("POST", "/replays", { endpoint_id: id, since, states: ["exhausted"] });
  assert.equal(made.body.events, 1, made.text);
  assert.equal((await send("GET", `/replays/${made.body.replay_id}`)).body.state, "preparing");
  assert.equal((await send("DELETE", `/replays/${made.body.replay_id}`)).status, 204);
  const replays = (await send("GET", `/replays?endpoint_id=${id}`)).body as unknown as List;
  assert.equal(replays.data.length, 1);
  const delivery = `/events/${event}/deliveries/${id}`;
  assert.deepEqual((await send("POST", `${delivery}/redeliver`)).body, { deliveries: 1 });
  assert.equal((await send("GET", `/endpoints/${id}/waiting`)).text.includes(event), true);
  assert.deepEqual((await send("POST", `${delivery}/cancel`, { reason: "enough" })).body, { outcome: "discarded" });
  const future = await insertEvent(database.pool, "replayed.later", {
    deliverAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  assert.equal((await send("POST", `/events/${future}/reschedule`, { at: IN_A_WEEK })).status, 200);
  assert.equal((await send("POST", `/events/${event}/erase`)).status, 200);
  assert.notEqual((await send("GET", `/events/${event}`)).body.erased_at, null);
});

test("the catalogue, the switch and the keys are the API's, too", async (t) => {
  const send = await admin(t, "thorough");
  const defined = await send("PUT", "/event-types/order.defined", {
    description: "An order.",
    json_schema: { type: "object" },
  });
  assert.equal(defined.status, 204, defined.text);
  const schema = await send("GET", "/event-types/order.defined");
  assert.deepEqual([schema.body.description, schema.body.json_schema], ["An order.", { type: "object" }]);
  await send("PUT", "/event-types/order.other", {});
  const first = (await send("GET", "/event-types?limit=1")).body as unknown as List;
  assert.equal(first.next, "order.defined");
  const second = (await send("GET", `/event-types?limit=1&after=${first.next}`)).body as unknown as List;
  assert.deepEqual(
    second.data.map(({ name }) => name),
    ["order.other"],
  );
  assert.equal((await send("DELETE", "/event-types/order.defined")).status, 204);
  assert.equal((await send("PUT", "/event-type-policy", { unknown_types: "refused" })).status, 204);
  assert.equal((await send("GET", "/event-type-policy")).body.unknown_types, "refused");
  await send("PUT", "/event-type-policy", { unknown_types: "allowed" });
  assert.equal((await send("PUT", "/sending", { is_on: false, reason: "a test" })).status, 204);
  const status: Members = (await send("GET", "/status")).body;
  assert.deepEqual([status.sending_is_on, status.sending_reason], [false, "a test"]);
  await send("PUT", "/sending", { is_on: true });
  const made = await send("POST", "/keys", { name: "made by the API", scopes: ["read"] });
  assert.match(String(made.body.key), /^prk_/);
  const keys = (await send("GET", "/keys")).body as unknown as List;
  const found = keys.data.find(({ name }) => name === "made by the API");
  assert.deepEqual(found?.scopes, ["read"]);
  assert.equal((await send("DELETE", `/keys/${found?.id}`)).status, 204);
  for (const path of ["/captures", "/ingests", "/unmatched", "/charts/deliveries", "/charts/busiest"]) {
    const answer = await send("GET", path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  }
});

test("charts have the minutes that daemons wrote, of an endpoint and of all", async (t) => {
  const send = await admin(t, "curious");
  const id = await createEndpoint(database.pool, ["*"]);
  await database.pool.query(
    `insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, failed, request_ms)
     select date_trunc('minute', now()) - n * interval '1 minute', $1, 10, 1, '{0,0,0,11}' from generate_series(1, 30) n`,
    [id],
  );
  await database.pool.query(
    `insert into postrider.daemon_minute (minute, daemon_id, claimed, succeeded_first, request_ms)
     select date_trunc('minute', now()) - n * interval '1 minute', gen_random_uuid(), 12, 10, '{0,0,0,10}' from generate_series(1, 30) n`,
  );
  const bars = async (path: string) => ((await send("GET", path)).body as unknown as List).data;
  const sum = (rows: readonly Members[], column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
  const asked = `endpoint_id=${id}`;
  const wide = await bars(`/charts/deliveries?${asked}&step=10%20minutes`);
  assert.equal(sum(wide, "succeeded_first"), 300);
  assert.deepEqual(new Set(wide.map(({ step }) => step)), new Set(["00:10:00"]));
  const p95s = (await bars(`/charts/latency?${asked}&step=10%20minutes`)).flatMap(
    ({ request_p95_ms }) => request_p95_ms ?? [],
  );
  assert.ok(p95s.length > 0 && p95s.every((ms) => Number(ms) > 5 && Number(ms) <= 10), String(p95s));
  const old = new Date(Date.now() - 20 * 86_400_000).toISOString();
  assert.equal(sum(await bars(`/charts/deliveries?${asked}&since=${old}`), "failed"), 30);
  const all = (await send("GET", "/charts/deliveries")).body as unknown as List;
  assert.ok(all.data.length >= 30);
  assert.equal(sum(all.data, "claimed"), 360);
  const busiest = (await send("GET", "/charts/busiest?limit=1")).body as unknown as List;
  assert.deepEqual(
    busiest.data.map(({ endpoint_id, succeeded }) => [endpoint_id, succeeded]),
    [[id, 300]],
  );
});

test("another site cannot make a browser that is logged in change anything", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["admin"]);
  const own = { "sec-fetch-site": "same-origin" };
  const opened = await ask(url, "/session", null, { method: "POST", body: JSON.stringify({ key }), headers: own });
  const cookie = (opened.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const body = JSON.stringify({ is_on: true });
  const put = (headers: Record<string, string>) =>
    ask(url, "/sending", null, { method: "PUT", body, headers: { cookie, ...headers } });
  assert.equal((await put({ "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await put({ origin: "https://evil.example" })).status, 403);
  assert.equal((await put({ ...own, "content-type": "text/plain" })).status, 403);
  assert.equal((await put(own)).status, 204);
});

test("a body that is too long, or not declared as JSON, is refused before it is read", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["publish"]);
  const long = await ask(url, "/events", key, { method: "POST", body: `"${"x".repeat(4_194_304)}"` }).catch(() => null);
  assert.ok(long === null || long.status === 413, "it may be cut off while it sends");
  const form = await ask(url, "/events", key, {
    method: "POST",
    body: "a=b",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  assert.equal(form.status, 415);
  const megabytes = await ask<List>(url, "/events", key, {
    method: "POST",
    body: JSON.stringify({ event_type: "large.event", payload: "x".repeat(3_000_000) }),
  });
  assert.equal(megabytes.status, 200, megabytes.text.slice(0, 200));
});
