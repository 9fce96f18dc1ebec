/** The API as a program or a browser meets it: keys, scopes, lists, errors. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { Turns } from "../../src/console/turns.ts";
import { ask, createKey, type List, startConsole } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, insertEvents, openSession, rowsOf } from "../support/engine.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

function start(t: TestContext, settings = {}) {
  return startConsole(t, database, settings);
}

test("without a key, with a wrong one, an expired or a revoked one, nothing is told", async (t) => {
  const { url } = await start(t);
  const revoked = await createKey(database.pool, ["read"], "revoked");
  await database.pool.query("select postrider.revoke_api_key(id) from postrider.api_key where name = 'revoked'");
  const expired = await createKey(database.pool, ["read"], "expired");
  await database.pool.query("update postrider.api_key set expires_at = now() where name = 'expired'");
  for (const key of [null, "prk_", `prk_${"x".repeat(43)}`, revoked, expired]) {
    const answer = await ask(url, "/status", key);
    assert.equal(answer.status, 401, String(key));
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.deepEqual(answer.body, {
      title: "Unauthorized",
      status: 401,
      detail: "no key, or none that is valid",
      hint: "Send Authorization: Bearer and a key, which postrider.create_api_key() makes.",
    });
  }
});

test("a key is kept as a hash alone, and when it was used is noted once a minute", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"], "kept");
  const lastUsed = async () =>
    (await database.pool.query("select last_used_at::text, ctid::text from postrider.api_key where name = 'kept'"))
      .rows[0];
  assert.equal((await lastUsed()).last_used_at, null);
  assert.equal((await ask(url, "/status", key)).status, 200);
  const first = await lastUsed();
  assert.notEqual(first.last_used_at, null);
  await ask(url, "/status", key);
  assert.deepEqual(await lastUsed(), first);
  const { rows } = await database.pool.query(
    "select count(*)::integer as count from postrider.api_key k where k::text like $1",
    [`%${key.slice(4)}%`],
  );
  assert.deepEqual(rows, [{ count: 0 }]);
});

test("a key does what its scopes say: operate includes reading, admin everything, and a payload is its own", async (t) => {
  const { ask } = await start(t);
  const id = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 1.50}' });
  const status = async (scope: "read" | "payload" | "publish" | "operate" | "admin", path: string) =>
    (await ask([scope], path)).status;
  assert.equal(await status("read", "/status"), 200);
  assert.equal(await status("operate", "/status"), 200);
  assert.equal(await status("admin", `/events/${id}/payload`), 200);
  assert.equal(await status("payload", `/events/${id}/payload`), 200);
  assert.equal(await status("payload", "/status"), 403);
  assert.equal(await status("publish", "/status"), 403);
  const refused = await ask(["read"], `/events/${id}/payload`);
  assert.equal(refused.status, 403);
  assert.equal(refused.body.scope, "payload");
  assert.equal(refused.body.role, "postrider_operator");
});

test("the login of the API needs no more than the roles, and says which one it lacks", async (t) => {
  const { ask } = await start(t, { memberOf: ["postrider_reader"] });
  assert.equal((await ask(["read"], "/status")).status, 200);
  const refused = await ask(["payload"], "/events/00000000-0000-7000-8000-000000000000/payload");
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, "42501");
  assert.match(String(refused.body.detail), /permission denied to set role "postrider_operator"/);
});

test("the status says whether anything is sent, and what waits", async (t) => {
  const { ask } = await start(t);
  const { body, headers } = await ask(["read"], "/status");
  assert.equal(body.sending_is_on, true);
  assert.equal(body.live_daemons, 0);
  assert.equal(body.delivers, false);
  assert.match(String(body.at), /^\d{4}-\d{2}-\d{2}T[\d:.]+\+00:00$/);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
});

test("pages of events follow each other without a loss or a repetition, also of one transaction", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  const inserted = await insertEvents(database.pool, "page.test", 25);
  const seen: unknown[] = [];
  let after = "";
  let searchedTo: string | null = null;
  do {
    const page = await ask<List>(url, `/events?event_type=page.*&limit=10${after}`, key);
    assert.equal(page.status, 200, page.text);
    seen.push(...page.body.data.map(({ id }) => id));
    after = page.body.next === null ? "" : `&after=${page.body.next}`;
    searchedTo = page.body.searched_to;
  } while (after !== "");
  assert.deepEqual(seen, inserted.toSorted().toReversed());
  const ageMs = Date.now() - Date.parse(searchedTo ?? "");
  assert.ok(Math.abs(ageMs - 86_400_000) < 60_000, "it looked back for a day");
});

/** A delivery of each event, made by hand. */
async function addDeliveries(
  ids: readonly string[],
  endpointId: string,
  state: string,
  attempts: number,
): Promise<void> {
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, next_attempt_at, finished_at, reason)
     select e.id, $2, $3, $4, case when $3 = 'pending' then 'infinity'::timestamptz end, case when $3 <> 'pending' then now() end,
            case when $3 = 'discarded' then 'by hand' end
     from unnest($1::uuid[]) e (id)`,
    [ids, endpointId, state, attempts],
  );
}

test("events are found by what became of them, and say what the last attempt got", async (t) => {
  const { ask } = await start(t);
  const { pool } = database;
  const crm = await createEndpoint(pool, ["led.*"], { options: { name: "led-crm" } });
  const audit = await createEndpoint(pool, ["led.*"], { options: { name: "led-audit" } });
  const [first = "", second = "", third = "", fourth = ""] = (await insertEvents(pool, "led.test", 4)).toSorted();
  await addDeliveries([first, second, third], crm, "succeeded", 1);
  await addDeliveries([fourth], crm, "succeeded", 3);
  await addDeliveries([first], audit, "exhausted", 2);
  await addDeliveries([second], audit, "discarded", 0);
  await addDeliveries([third], audit, "pending", 1);
  await pool.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
     select $1, $2, gen_random_uuid(), gen_random_uuid(), now(), n, 5, 500 + n, 'status', 'it answered' from generate_series(1, 2) n`,
    [first, audit],
  );
  const found = async (query: string) => {
    const { body, text, status } = await ask<List>(["read"], `/events?event_type=led.*&${query}`);
    assert.equal(status, 200, text);
    return body.data.map(({ id }) => id);
  };
  for (const [query, ids] of [
    ["state=exhausted", [first]],
    ["state=exhausted,discarded", [second, first]],
    ["state=discarded&endpoint=led-audit", [second]],
    ["state=exhausted&endpoint=led-crm", []],
    ["state=pending", [third]],
    ["state=pending&endpoint=led-audit", [third]],
    ["state=pending,exhausted", [third, first]],
    ["state=succeeded", [fourth, third, second, first]],
    [`state=succeeded&endpoint=${crm.toUpperCase()}`, [fourth, third, second, first]],
    ["endpoint=led-audit", [third, second, first]],
    ["endpoint=led-nobody", []],
    ["attempts_min=2", [fourth, first]],
    ["attempts_min=2&state=exhausted", [first]],
    ["attempts_min=2&endpoint=led-crm", [fourth]],
    ["attempts_min=1&endpoint=led-audit", [third, first]],
    ["key=led-crm", []],
  ] as const) {
    assert.deepEqual(await found(query), ids, query);
  }
  const { body } = await ask<List>(["payload"], "/events/search?state=exhausted&event_type=led.*&filter=exists($)");
  const [row] = body.data;
  const { deliveries, attempts, last_endpoint_name, last_http_status, last_failure_kind } = row ?? {};
  assert.deepEqual(
    { deliveries, attempts, last_endpoint_name, last_http_status, last_failure_kind },
    {
      ...{ deliveries: { succeeded: 1, exhausted: 1 }, attempts: 3 },
      ...{ last_endpoint_name: "led-audit", last_http_status: 502, last_failure_kind: "status" },
    },
  );
  const refused = await ask(["read"], "/events?state=failed");
  assert.equal(refused.status, 422);
  assert.match(refused.text, /a delivery is never failed.*pending, succeeded, exhausted, discarded/);
});

test("a search that ends before the events do says how far it looked, and goes on without a loss", async (t) => {
  const { url } = await start(t);
  const { pool } = database;
  const key = await createKey(pool, ["read"]);
  const endpoints = await Promise.all(
    ["walk-one", "walk-two"].map((name) => createEndpoint(pool, ["walk.*"], { options: { name } })),
  );
  const rare = await insertEvents(pool, "walk.rare", 3);
  const common = await insertEvents(pool, "walk.common", 501);
  for (const endpoint of endpoints) await addDeliveries([...rare, ...common], endpoint, "exhausted", 1);
  const walk = async (query: string) => {
    const seen: unknown[] = [];
    let pages = 0;
    let after = "";
    do {
      const { body, text, status } = await ask<List>(url, `/events?${query}${after}`, key);
      assert.equal(status, 200, text);
      seen.push(...body.data.map(({ id }) => id));
      pages += 1;
      after = body.next === null ? "" : `&after=${body.next}`;
    } while (after !== "");
    return { seen, pages };
  };
  for (const [query, expected] of [
    ["event_type=walk.rare&state=exhausted", rare],
    ["event_type=walk.rare&state=exhausted&endpoint=walk-two", rare],
    ["event_type=walk.*&state=exhausted&limit=200", [...rare, ...common]],
  ] as const) {
    const { seen, pages } = await walk(query);
    assert.deepEqual(seen, expected.toSorted().toReversed(), query);
    assert.ok(pages > 1, query);
  }
});

test("failed attempts are found by endpoint, status and kind", async (t) => {
  const { ask } = await start(t);
  const { pool } = database;
  const endpoint = await createEndpoint(pool, ["failing.*"], { options: { name: "failing-one" } });
  const event = await insertEvent(pool, "failing.test");
  await pool.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
     select $1, $2, gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 s', n, 5, status, kind, 'it failed'
     from (values (1, 503, 'status'), (2, null, 'timeout'), (3, 410, 'status')) v (n, status, kind)`,
    [event, endpoint],
  );
  const found = async (query: string) =>
    (await ask<List>(["read"], `/attempts?${query}`)).body.data.map(({ attempt_number }) => attempt_number);
  assert.deepEqual(await found("endpoint=failing-one"), [1, 2, 3]);
  assert.deepEqual(await found("endpoint=failing-one&http_status=410"), [3]);
  assert.deepEqual(await found("endpoint=failing-one&failure_kind=timeout"), [2]);
  assert.deepEqual(await found("endpoint=failing-two"), []);
});

test("pages of failed attempts follow each other without a loss or a repetition, also of one batch", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  const endpoint = await createEndpoint(database.pool, ["batched.*"]);
  const event = await insertEvent(database.pool, "batched.test");
  const made = await rowsOf<{ id: string }>(
    database.pool,
    `with made as (
       insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
       select $1, $2, gen_random_uuid(), gen_random_uuid(), now() - n / 20 * interval '1 us', 1, 5, 'timeout', 'it failed'
       from generate_series(1, 50) n
       returning started_at, id)
     select id from made order by started_at desc, id desc`,
    [event, endpoint],
  );
  const seen: unknown[] = [];
  let after = "";
  let searchedTo: string | null = null;
  do {
    const page = await ask<List>(url, `/attempts?endpoint_id=${endpoint}&limit=7${after}`, key);
    assert.equal(page.status, 200, page.text);
    seen.push(...page.body.data.map(({ id }) => id));
    after = page.body.next === null ? "" : `&after=${page.body.next}`;
    searchedTo = page.body.searched_to;
  } while (after !== "");
  assert.deepEqual(
    seen,
    made.map(({ id }) => id),
  );
  const ageMs = Date.now() - Date.parse(searchedTo ?? "");
  assert.ok(Math.abs(ageMs - 86_400_000) < 60_000, "it looked back for a day");
  for (const after of ["2026-11-30T10:00:00.000000Z", `${event}.${event}.${event}`, `x'.${event}`, `${event}.`]) {
    const refused = await ask(url, `/attempts?after=${encodeURIComponent(after)}`, key);
    assert.equal(refused.status, 400, `${after}: ${refused.text}`);
  }
});

test("a search of attempts that ends at what it may look at says how far that was, and goes on from there", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  const [common, rare] = [await createEndpoint(database.pool, []), await createEndpoint(database.pool, [])];
  const event = await insertEvent(database.pool, "searched.test");
  await database.pool.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
     select $1, case when n = 20000 then $3::uuid else $2 end, gen_random_uuid(), gen_random_uuid(), now() - interval '2 hours' - n * interval '1 ms', 1, 5, 'timeout', 'it failed'
     from generate_series(0, 20000) n`,
    [event, common, rare],
  );
  const window = `since=${new Date(Date.now() - 3 * 3_600_000).toISOString()}&until=${new Date(Date.now() - 3_600_000).toISOString()}`;
  const first = await ask<List>(url, `/attempts?endpoint_id=${rare}&${window}`, key);
  assert.deepEqual(first.body.data, []);
  assert.ok(Math.abs(Date.now() - Date.parse(first.body.searched_to ?? "") - 7_220_000) < 60_000, first.text);
  const second = await ask<List>(url, `/attempts?endpoint_id=${rare}&${window}&after=${first.body.next}`, key);
  assert.deepEqual([second.body.data.length, second.body.next], [1, null], second.text);
});

test("an id that is nowhere is explained: its time, the retention, and who may still insert it", async (t) => {
  const { ask } = await start(t);
  const explained = async (id: string) => (await ask(["read"], `/events/${id}/absence`)).body;
  const { rows } = await database.pool.query<{ id: string }>("select postrider.uuid_v7() as id");
  const unknown = rows[0]?.id ?? "";
  const open = await database.pool.connect();
  t.after(() => open.release());
  await open.query("begin");
  await open.query("insert into postrider.outbox (event_type, payload) values ('open.test', '1')");
  const fresh = await explained(unknown);
  await open.query("rollback");
  assert.deepEqual([fresh.is_there, fresh.is_past_retention, fresh.is_from_future], [false, false, false]);
  assert.ok(Number(fresh.open_transactions) >= 1);
  const old = await explained("00000000-0000-7000-8000-000000000000");
  assert.deepEqual([old.made_at, old.is_past_retention], ["1970-01-01T00:00:00+00:00", true]);
  const inserted = await insertEvent(database.pool, "there.test");
  assert.equal((await explained(inserted)).is_there, true);
});

test("only those deliveries of an event are sent again that were searched for", async (t) => {
  const { ask } = await start(t);
  const { pool } = database;
  const [good = "", bad = "", ended = ""] = await Promise.all(
    ["again-good", "again-bad", "again-ended"].map((name) => createEndpoint(pool, ["again.*"], { options: { name } })),
  );
  const event = await insertEvent(pool, "again.test");
  await addDeliveries([event], good, "succeeded", 1);
  await addDeliveries([event], bad, "exhausted", 2);
  await addDeliveries([event], ended, "exhausted", 2);
  await pool.query("select postrider.disable_endpoint($1, 'a test')", [ended]);
  const again = async (body: object) => {
    const path = `/events/${event}/deliveries/redeliver`;
    const answer = await ask(["operate"], path, { method: "POST", body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.deliveries;
  };
  assert.equal(await again({ state: ["discarded"] }), 0);
  assert.equal(await again({ state: ["exhausted"], endpoint: "again-good" }), 0);
  assert.equal(await again({ state: ["exhausted"], attempts_min: 2 }), 1);
  const { rows } = await pool.query(
    "select endpoint_id from postrider.delivery where event_id = $1 and state = 'pending'",
    [event],
  );
  assert.deepEqual(rows, [{ endpoint_id: bad }]);
});

test("events are found by type, tenant, time and payload", async (t) => {
  const { ask } = await start(t);
  await insertEvent(database.pool, "find.big", { payload: '{"amount": 500, "note": "\\u0000"}', tenant: "acme" });
  const big = await insertEvent(database.pool, "find.big", { payload: '{"amount": 500}', tenant: "acme" });
  const small = await insertEvent(database.pool, "find.small", { payload: '{"amount": 5}', tenant: "acme" });
  const found = async (scope: "read" | "payload", path: string) => {
    const { body, text, status } = await ask<List>([scope], path);
    assert.equal(status, 200, text);
    return body.data.map(({ id }) => id);
  };
  assert.deepEqual(await found("read", "/events?event_type=find.small&tenant=acme"), [small]);
  assert.deepEqual(await found("read", "/events?event_type=find.small&tenant="), []);
  assert.deepEqual(await found("read", "/events?tenant=acme&until=2020-01-01T00:00:00Z"), []);
  const filter = encodeURIComponent("$.amount > 100");
  assert.deepEqual(await found("payload", `/events/search?tenant=acme&filter=${filter}`), [big]);
});

test("a payload is told as it was written, with every digit and blank", async (t) => {
  const { ask } = await start(t);
  const payload = '{"big": 12345678901234567890.10,  "bidi": "\u202e", "markup": "</script><img src=x>"}';
  const id = await insertEvent(database.pool, "order.paid", { payload });
  const { body } = await ask(["payload"], `/events/${id}/payload`);
  assert.deepEqual(body, { id, payload_bytes: Buffer.byteLength(payload), payload, is_whole: true, attributes: null });
});

test("an event tells its deliveries, attempts and why it did not arrive; one that never was is told apart", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["admin"]);
  await createEndpoint(database.pool, ["other.type"], { options: { name: "crm" } });
  const id = await insertEvent(database.pool, "order.refunded");
  assert.equal((await ask(url, `/events/${id}`, key)).body.event_type, "order.refunded");
  assert.deepEqual((await ask<List>(url, `/events/${id}/deliveries`, key)).body, { data: [], next: null });
  assert.deepEqual((await ask<List>(url, `/events/${id}/attempts`, key)).body, { data: [], next: null });
  const why = await ask<List>(url, `/events/${id}/explanation`, key);
  const crm = why.body.data.find(({ name }) => name === "crm");
  assert.equal(crm?.would_match_now, false);
  assert.match(String(crm?.now_explanation), /order\.refunded/);
  const never = await ask(url, "/events/019a0000-0000-7000-8000-000000000000/explanation", key);
  assert.equal(never.status, 404);
  assert.equal(never.body.code, "P0002");
  assert.match(String(never.body.hint), /may be open still, or was rolled back/);
  assert.equal((await ask(url, "/events/019a0000-0000-7000-8000-000000000000", key)).status, 404);
});

test("an endpoint is shown without the query of its URL, its headers and its secret, and its tag is its revision", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  const options = { name: "billing", headers: { authorization: "Bearer s3cret" }, retry_schedule: ["5 s", "5 min"] };
  const id = await createEndpoint(database.pool, ["order.*"], {
    url: "http://receiver.test/hook?token=s3cret",
    options,
  });
  const answer = await ask(url, `/endpoints/${id}`, key);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.url, "http://receiver.test/hook");
  assert.deepEqual(answer.body.retry_schedule, ["00:00:05", "00:05:00"]);
  assert.equal(answer.headers.get("etag"), `"${answer.body.revision}"`);
  const again = await ask(url, `/endpoints/${id}`, key, {
    headers: { "if-none-match": answer.headers.get("etag") ?? "" },
  });
  assert.equal(again.status, 304);
  const secrets = await ask<List>(url, `/endpoints/${id}/secrets`, key);
  const subscriptions = await ask<List>(url, `/endpoints/${id}/subscriptions`, key);
  const health = await ask(url, `/endpoints/${id}/health`, key);
  const list = await ask<List>(url, "/endpoints?search=BILL", key);
  assert.deepEqual(
    subscriptions.body.data.map(({ event_type }) => event_type),
    ["order.*"],
  );
  assert.equal(health.body.is_failing, false);
  assert.deepEqual(
    list.body.data.map((row) => row.id),
    [id],
  );
  assert.equal(secrets.body.data.length, 1);
  for (const { text } of [answer, secrets, subscriptions, health, list]) {
    assert.doesNotMatch(text, /s3cret|whsec_/);
  }
});

test("a list that has not changed is not sent again", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  const { headers } = await ask(url, "/daemons", key);
  const again = await ask(url, "/daemons", key, { headers: { "if-none-match": headers.get("etag") ?? "" } });
  assert.equal(again.status, 304);
  assert.equal(again.text, "");
});

test("what a request gets wrong is named, with what to do", async (t) => {
  const { url } = await start(t);
  const key = await createKey(database.pool, ["admin"]);
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ["/events?tennant=acme", 400, /tennant.*is no parameter.*Did you mean tenant\?/],
    ["/events?limit=0", 400, /limit is \\"0\\".*from 1 to 200/],
    ["/events?limit=5&limit=6", 400, /limit is given twice/],
    ["/events?after=%27%20or%201=1", 400, /after is no cursor of this list/],
    ["/events?since=yesteryear", 422, /invalid input syntax for type timestamp with time zone.*22007/],
    ["/events/search?filter=%24.amount%20%3E%3E", 422, /syntax error/],
    ["/events/search", 400, /filter is missing/],
    ["/events/1", 422, /invalid input syntax for type uuid/],
    ["/nothing", 404, /Not Found/],
  ];
  for (const [path, status, said] of cases) {
    const answer = await ask(url, path, key);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    assert.match(answer.text, said, path);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
  }
  const wrongMethod = await ask(url, "/status", key, { method: "DELETE" });
  assert.equal(wrongMethod.status, 405);
  assert.equal(wrongMethod.headers.get("allow"), "GET, HEAD");
});

test("if Postgres is away, the answer says when to ask again", async (t) => {
  const { url, login, errors } = await start(t);
  const key = await createKey(database.pool, ["read"]);
  await database.pool.query(`alter role ${login.name} connection limit 0`);
  const answer = await ask(url, "/status", key);
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.headers.get("retry-after"), "5");
  assert.deepEqual(errors, []);
});

test("a key that asks too often is told when to come back, and others are not", async (t) => {
  const { url } = await start(t, { keyRate: { perSecond: 0.1, burst: 2 } });
  const [key, other] = [await createKey(database.pool, ["read"]), await createKey(database.pool, ["read"])];
  const first = await ask(url, "/daemons", key);
  assert.equal(first.headers.get("ratelimit"), '"key";r=1;t=0');
  assert.equal(first.headers.get("ratelimit-policy"), '"key";q=2;w=20');
  await ask(url, "/daemons", key);
  const refused = await ask(url, "/daemons", key);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "10");
  assert.equal((await ask(url, "/daemons", other)).status, 200);
});

test("slow requests of one key leave connections for others", async (t) => {
  const { url, login } = await start(t);
  const [slow, other] = [await createKey(database.pool, ["read"]), await createKey(database.pool, ["read"])];
  const countHeld = async () =>
    await askFor(
      database.pool,
      "select count(*)::integer from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'",
      [login.name],
    );
  const session = await openSession(t, database.url);
  await session.query("begin");
  await session.query("lock table postrider.endpoint_minute_part");
  const asked = Array.from({ length: 8 }, () => ask(url, "/charts/busiest", slow));
  await until("two of them wait in Postgres", async () => (await countHeld()) === 2);
  assert.equal((await ask(url, "/daemons", other)).status, 200);
  assert.equal(await countHeld(), 2);
  await session.query("rollback");
  const answers = await Promise.all(asked);
  assert.equal(answers.at(-1)?.status, 200);
});

test("of one key so much is done at a time, in its order, and what waits too long is not done", async () => {
  const turns = new Turns({ each: 1, waitMaxMs: 60_000 });
  const first = Promise.withResolvers<string>();
  const done: string[] = [];
  const work = (name: string) => turns.take("a key", async () => done.push(name));
  const waited = [turns.take("a key", () => first.promise), work("second"), work("third")];
  assert.equal(await turns.take("another key", async () => "at once"), "at once");
  assert.deepEqual(done, []);
  first.resolve("first");
  await Promise.all(waited);
  assert.deepEqual(done, ["second", "third"]);
  await assert.rejects(
    turns.take("a key", () => Promise.reject(new Error("a failure"))),
    /a failure/,
  );
  assert.equal(await turns.take("a key", async () => "after a failure"), "after a failure");

  const hasty = new Turns({ each: 1, waitMaxMs: 1 });
  const held = Promise.withResolvers<string>();
  const holding = hasty.take("a key", () => held.promise);
  assert.equal(await hasty.take("a key", async () => assert.fail("it was done")), null);
  held.resolve("held");
  assert.equal(await holding, "held");
  assert.equal(await hasty.take("a key", async () => "again"), "again");
});

test("a page of a stranger whose name leads here is not answered", async (t) => {
  const { port, url } = await start(t, { hosts: ["postrider.internal"] });
  const key = await createKey(database.pool, ["read"]);
  const statusFor = async (host: string) => (await rawGet(port, host, key)).split(" ")[1];
  assert.equal(await statusFor("evil.example"), "421");
  assert.equal(await statusFor("localhost.evil.example"), "421");
  assert.equal(await statusFor("postrider.internal"), "200");
  assert.equal(await statusFor(`localhost:${port}`), "200");
  assert.equal(await statusFor(`[::1]:${port}`), "200");
  assert.equal((await ask(url, "/status", key)).status, 200);
});

/** fetch() sets Host itself. */
function rawGet(port: number, host: string, key: string): Promise<string> {
  const headers = `host: ${host}\r\nauthorization: Bearer ${key}\r\nconnection: close`;
  return sendRaw(port, `GET /api/v1/status HTTP/1.1\r\n${headers}\r\n\r\n`);
}

async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(request);
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) {
    text += chunk;
  }
  return text;
}

test("requests with bodies that come in one packet are answered one after the other, also if a body is not read", async (t) => {
  const { port } = await start(t);
  const key = await createKey(database.pool, ["admin"]);
  const body = JSON.stringify({ event_type: "in.one", payload: 1 });
  const post = (authorization: string) =>
    `POST /api/v1/events HTTP/1.1\r\nhost: localhost\r\n${authorization}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const own = `authorization: Bearer ${key}\r\n`;
  const last = `GET /api/v1/daemons HTTP/1.1\r\nhost: localhost\r\n${own}connection: close\r\n\r\n`;
  const answers = await sendRaw(port, `${post(own)}${post("")}${post(own)}${last}`);
  assert.deepEqual(
    [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ["200", "401", "200", "200"],
  );
  const chunked = post(own).replace(/content-length: \d+/, "transfer-encoding: chunked");
  assert.match(await sendRaw(port, chunked), /^HTTP\/1\.1 411 /);
});

test("charts and figures tell what the minutes have, with percentiles interpolated and as bounds", async (t) => {
  const { ask } = await start(t);
  const { pool } = database;
  const endpoint = await createEndpoint(pool, ["chart.test"]);
  await pool.query(
    `with at as (select date_bin('1 minute', now(), 'epoch') - interval '3 minutes' as minute),
     added as (
       insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, failed, failures, request_ms, delay_ms)
       select minute, $1, 10, 2, '{"503": 2}', '{0,0,0,0,0,0,8,4}', '{0,10}' from at)
     insert into postrider.daemon_minute (minute, daemon_id, claimed, succeeded_first, failed, exhausted, failures, request_ms, delay_ms)
     select minute, gen_random_uuid(), 10, 10, 2, 1, '{"503": 2}', '{0,0,0,0,0,0,8,4}', '{0,10}' from at`,
    [endpoint],
  );
  const bars = async (path: string) => {
    const { body, status, text } = await ask<List>(["read"], path);
    assert.equal(status, 200, text);
    return body.data.filter((bar) => bar.failed !== null && bar.request_ms !== null);
  };
  for (const asked of ["", `?endpoint_id=${endpoint}`, "?tenant="]) {
    const [deliveries, latency] = [await bars(`/charts/deliveries${asked}`), await bars(`/charts/latency${asked}`)];
    assert.deepEqual(
      deliveries.map(({ step, succeeded_first, failed, failures }) => ({ step, succeeded_first, failed, failures })),
      [{ step: "00:01:00", succeeded_first: 10, failed: 2, failures: { 503: 2 } }],
    );
    const [{ request_p50_ms, request_p99_within_ms, delay_p50_within_ms, request_ms } = {}] = latency;
    assert.ok(
      Math.abs(Number(request_p50_ms) - 50 * 2 ** 0.75) < 1e-6,
      "six of eight between 50 and 100, on a logarithm",
    );
    assert.deepEqual([request_p99_within_ms, delay_p50_within_ms], [200, 50]);
    assert.deepEqual(request_ms, [0, 0, 0, 0, 0, 0, 8, 4]);
    const objective = (await ask(["read"], `/charts/objective${asked}`)).body;
    assert.deepEqual([objective.good, objective.set_for, objective.target], [10, "default", 0.999]);
  }
  const figures = (await ask(["read"], "/figures")).body;
  assert.deepEqual([figures.claimed_per_minute, figures.delivered_per_minute, figures.exhausted], [2, 2, 1]);
  const refused = await ask(["read"], "/charts/objective?endpoint_id=019a0000-0000-7000-8000-000000000000");
  assert.equal(refused.status, 404);
});
