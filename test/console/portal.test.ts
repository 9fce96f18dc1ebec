/** The portal: what a token opens, and that it opens nothing of another tenant, by whatever way. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { before, describe, type TestContext, test } from "node:test";
import { ConsoleDatabase } from "../../src/console/consoleDatabase.ts";
import { JSON_TYPE } from "../../src/console/http.ts";
import { makePortalApp } from "../../src/console/portal/app.ts";
import { CAPABILITIES, type Capability, PORTAL_PATH } from "../../src/console/portal/route.ts";
import { PORTAL_ROUTES } from "../../src/console/portal/routes.ts";
import type { AnyRoute } from "../../src/console/route.ts";
import type { Queryable } from "../../src/db/statements.ts";
import { type Answer, ask, CONSOLE_ROLES, createKey, type List, startConsole } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, openSession, rowsOf, type Session } from "../support/engine.ts";
import { addTenant, createToken, startPortal, type Tenant } from "../support/portal.ts";
import { createLogin } from "../support/roles.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

const PORTAL = "/portal";

let acme: Tenant;
let bravo: Tenant;

type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** Asks as somebody of the tenant, whose token may do everything unless it is said what. */
async function asTenant(t: TestContext, tenant: string, capabilities?: readonly Capability[]): Promise<Send> {
  const { url } = await startPortal(t, database);
  const token = await createToken(database.pool, tenant, capabilities);
  return (method, path, body, headers = {}) =>
    ask(url, `${PORTAL}${path}`, token, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: {
    readonly content: Readonly<
      Record<string, { readonly schema: { readonly required?: readonly string[]; readonly properties?: object } }>
    >;
  };
  readonly security?: readonly unknown[];
}

interface Asked {
  readonly name: string;
  readonly method: string;
  /** With every parameter that says whose it is, and every one that is required. */
  readonly path: string;
  readonly body: string | undefined;
  readonly isOpen: boolean;
}

/** Every operation of a document, asked about this tenant's things wherever it can be. */
function operationsAbout(document: string, tenant: Tenant): readonly Asked[] {
  const { paths }: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> } = JSON.parse(
    readFileSync(new URL(`../../src/console/${document}`, import.meta.url), "utf8"),
  );
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const query = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === "query" && (parameter.required || parameter.name in tenant.ids))
        .map(({ name }) => `${name}=${encodeURIComponent(valueFor(name, tenant))}`);
      const schema = operation.requestBody?.content["application/json"]?.schema;
      const members = Object.keys(schema?.properties ?? {}).filter(
        (name) => schema?.required?.includes(name) === true || name in tenant.ids,
      );
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => valueFor(name, tenant));
      return {
        name: operation.operationId,
        method: method.toUpperCase(),
        path: query.length === 0 ? filled : `${filled}?${query.join("&")}`,
        body:
          schema === undefined
            ? undefined
            : JSON.stringify(Object.fromEntries(members.map((name) => [name, valueFor(name, tenant)]))),
        isOpen: operation.security?.length === 0,
      };
    }),
  );
}

const EXAMPLES: Readonly<Record<string, string>> = {
  name: "order.shared",
  since: new Date(Date.now() - 3_600_000).toISOString(),
  url: "https://receiver.test/",
  event_type: "order.*",
  filter: "$.amount > 1",
};

function valueFor(name: string, tenant: Tenant): string {
  return { ...EXAMPLES, ...tenant.ids }[name] ?? "1";
}

/** What is in every table but that of the tokens, in one number. */
async function everything(session: Session): Promise<string> {
  const tables = await rowsOf<{ name: string }>(
    session,
    `select c.oid::regclass::text as name from pg_class c
     where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname not in ('portal_token', 'api_key')
     order by 1`,
  );
  const hash = createHash("sha256");
  for (const { name } of tables) {
    const rows = await rowsOf<{ row: string }>(session, `select t::text as row from ${name} t order by 1`);
    hash.update(JSON.stringify([name, rows]));
  }
  return hash.digest("hex");
}

/** Postgres for the portal, whose transactions can be held before they begin. */
class HeldDatabase extends ConsoleDatabase {
  /** Since they are held. */
  begun = 0;
  #released = Promise.resolve();

  /** Returns what lets them go. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    this.begun = 0;
    return resolve;
  }

  override async transaction<Value>(work: (transaction: Queryable) => Promise<Value>): Promise<Value> {
    this.begun += 1;
    await this.#released;
    return super.transaction(work);
  }
}

async function send(url: string, { method, path, body }: Asked, token: string): Promise<Answer> {
  return ask(url, path.replace("/api/v1", ""), token, { method, ...(body !== undefined && { body }) });
}

describe("the portal", () => {
  before(async () => {
    acme = await addTenant(database.pool, "acme");
    bravo = await addTenant(database.pool, "bravo");
    await database.pool.query("select postrider.define_event_type('order.shared', 'An order.', '{}')");
  });

  test("a token of one tenant reads and changes nothing of another, by any operation of the portal", async (t) => {
    const { url, errors } = await startPortal(t, database);
    const token = await createToken(database.pool, "acme");
    const operations = operationsAbout("portal/openapi.json", bravo);
    assert.equal(operations.length, PORTAL_ROUTES.length + 1);
    const before = await everything(database.pool);
    for (const operation of operations) {
      // It is about nothing that is there.
      if (operation.name === "portal_create_endpoint") continue;
      const answer = await send(url, operation, token);
      assert.ok([200, 404].includes(answer.status), `${operation.name}: ${answer.status} ${answer.text}`);
      assert.ok(answer.status === 404 || operation.method === "GET", operation.name);
      assert.ok(!answer.text.includes(bravo.mark), `${operation.name}: ${answer.text}`);
      // A list is empty, but where it is not about something of the other tenant.
      const { data } = answer.body;
      if (/_id=|[0-9a-f]{8}-/.test(operation.path) && data !== undefined) {
        assert.deepEqual(data, [], operation.name);
      }
    }
    assert.equal(await everything(database.pool), before);
    assert.deepEqual(errors, []);
  });

  test("and its own tenant sees each of these things, so the test above looked at something", async (t) => {
    const { url } = await startPortal(t, database);
    const token = await createToken(database.pool, "bravo");
    for (const operation of operationsAbout("portal/openapi.json", bravo)) {
      if (operation.method !== "GET" || operation.isOpen) continue;
      const answer = await send(url, operation, token);
      assert.equal(answer.status, 200, `${operation.name}: ${answer.text}`);
      if (/event_type|session/.test(operation.name)) continue;
      const { data } = answer.body as { readonly data?: readonly unknown[] };
      assert.ok(data === undefined || data.length > 0, operation.name);
    }
  });

  test("the API of operators knows no token of the portal, and the portal no key of theirs", async (t) => {
    const api = await startConsole(t, database);
    const portal = await startPortal(t, database);
    const token = await createToken(database.pool, "acme");
    const key = await createKey(database.pool, ["admin"]);
    const before = await everything(database.pool);
    for (const operation of operationsAbout("openapi.json", bravo).filter(({ isOpen }) => !isOpen)) {
      const answer = await send(api.url, operation, token);
      // Whoever logs out is told so without having been logged in.
      assert.equal(answer.status, operation.name === "close_session" ? 403 : 401, `${operation.name}: ${answer.text}`);
      const missing = await send(portal.url, operation, token);
      assert.equal(missing.status, 404, `${operation.name}: ${missing.text}`);
    }
    for (const operation of operationsAbout("portal/openapi.json", bravo).filter(({ isOpen }) => !isOpen)) {
      assert.equal((await send(portal.url, operation, key)).status, 401, operation.name);
    }
    assert.equal(await everything(database.pool), before);
  });

  test("a token does what its capabilities say, and the refusal names the one that it lacks", async (t) => {
    const { url } = await startPortal(t, database);
    const operations = operationsAbout("portal/openapi.json", acme);
    for (const route of PORTAL_ROUTES) {
      const asked = operations.find(({ name }) => name === route.name);
      assert.ok(asked !== undefined, route.name);
      if (route.scope === null) continue;
      const others = CAPABILITIES.filter((capability) => capability !== route.scope);
      const refused = await send(url, asked, await createToken(database.pool, "acme", others));
      assert.equal(refused.status, 403, `${route.name}: ${refused.text}`);
      assert.equal(refused.body.capability, route.scope);
      if (route.method === "GET") {
        const allowed = await send(url, asked, await createToken(database.pool, "acme", [route.scope]));
        assert.equal(allowed.status, 200, `${route.name}: ${allowed.text}`);
      }
    }
  });

  test("without a token, or with one that has expired or was revoked, nothing is told", async (t) => {
    const { url } = await startPortal(t, database);
    const expired = await createToken(database.pool, "acme");
    await database.pool.query("update postrider.portal_token set expires_at = now() where tenant = 'acme'");
    const revoked = await createToken(database.pool, "gone");
    assert.equal(await askFor(database.pool, "select postrider.revoke_portal_tokens('gone', 'someone else')"), 0);
    assert.equal((await ask(url, `${PORTAL}/session`, revoked)).status, 200);
    assert.equal(await askFor(database.pool, "select postrider.revoke_portal_tokens('gone')"), 1);
    for (const token of [null, "prp_", `prp_${"x".repeat(43)}`, expired, revoked]) {
      const answer = await ask(url, `${PORTAL}/endpoints`, token);
      assert.equal(answer.status, 401, String(token));
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    }
    const cookie = `postrider_session=${await createToken(database.pool, "acme")}`;
    assert.equal((await ask(url, `${PORTAL}/endpoints`, null, { headers: { cookie } })).status, 401);
    const query = await ask(url, `${PORTAL}/endpoints?token=${await createToken(database.pool, "acme")}`, null);
    assert.equal(query.status, 401);
  });

  test("a token is made while another transaction makes one, and expired ones go with either", async (t) => {
    const { pool } = database;
    const [application, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    await createToken(pool, "expiring");
    await pool.query("update postrider.portal_token set expires_at = now() where tenant = 'expiring'");
    await application.query("begin; select postrider.create_portal_token('acme')");
    await other.query("set lock_timeout = '5 s'; select postrider.create_portal_token('acme')");
    await application.query("commit");
    assert.equal(await askFor(pool, "select count(*)::int from postrider.portal_token where tenant = 'expiring'"), 0);
  });

  /** All rows that a session may see in the views of the portal, as texts. */
  async function seenBy(session: Session): Promise<ReadonlyMap<string, readonly string[]>> {
    const views = await rowsOf<{ name: string }>(
      session,
      `select c.oid::regclass::text as name from pg_class c
     where c.relnamespace = 'postrider'::regnamespace and has_any_column_privilege(c.oid, 'select') order by 1`,
    );
    const seen = new Map<string, readonly string[]>();
    for (const { name } of views) {
      const rows = await rowsOf<{ row: string }>(session, `select t::text as row from ${name} t`);
      seen.set(
        name,
        rows.map(({ row }) => row),
      );
    }
    return seen;
  }

  /** What the functions give that show rows, each asked for all that it has. */
  const SHOWING: readonly string[] = [
    "postrider_internal.portal_events('2000-01-01', null, null, null, null, 1000)",
    "postrider_internal.portal_undelivered(null, null, '2000-01-01', null, null, 1000)",
    "postrider_internal.portal_failed_attempts(null, '2000-01-01', null, null, null, 1000)",
  ];

  async function shownTo(session: Session, about: Tenant): Promise<readonly string[]> {
    const calls = [
      ...SHOWING,
      `postrider_internal.portal_deliveries('${about.ids.event_id}', null, 1000)`,
      `postrider_internal.portal_waiting('${about.ids.endpoint_id}', null, 1000)`,
    ];
    const shown: string[] = [];
    for (const call of calls) {
      const rows = await rowsOf<{ row: string }>(session, `select t::text as row from ${call} t`);
      shown.push(...rows.map(({ row }) => row));
    }
    return shown;
  }

  /** Calls that change something, about a tenant. */
  function changesOf({ ids }: Tenant): readonly string[] {
    const [endpoint, event] = [`'${ids.endpoint_id}'`, `'${ids.event_id}'`];
    return [
      "portal_create_endpoint('https://receiver.test', null, null, null, null, null)",
      `portal_change_endpoint(${endpoint}, '{"name": "mine"}', null)`,
      `portal_delete_endpoint(${endpoint}, null, false)`,
      `portal_pause_endpoint(${endpoint}, null)`,
      `portal_resume_endpoint(${endpoint})`,
      `portal_rotate_secret(${endpoint}, null)`,
      `portal_send_test_event(${endpoint}, null, null)`,
      `portal_subscribe(${endpoint}, '*', null)`,
      `portal_unsubscribe('${ids.subscription_id}')`,
      `portal_redeliver(${event}, ${endpoint})`,
      `portal_replay_range(${endpoint}, now() - interval '1 day', null, null, null, false)`,
      `portal_cancel_replay('${ids.replay_id}')`,
    ];
  }

  test("whoever logs in as the role of the portal sees and changes nothing without a token, whatever is set", async (t) => {
    const login = await createLogin(database, ["postrider_portal"]);
    const session = await openSession(t, login.url);
    t.after(() => login.drop());
    const expired = await createToken(database.pool, "bravo");
    await database.pool.query("update postrider.portal_token set expires_at = now() where tenant = 'bravo'");
    const [row] = await rowsOf<{ id: string; hash: string }>(
      database.pool,
      "select id, encode(token_hash, 'hex') as hash from postrider.portal_token where tenant = 'bravo' order by id desc limit 1",
    );
    const before = await everything(database.pool);
    const forged = ["", "bravo", bravo.ids.endpoint_id, expired, row?.id ?? "", row?.hash ?? "", "\\x", "0".repeat(64)];
    for (const setting of forged) {
      await session.query("select set_config('postrider.portal_token', $1, false)", [setting]);
      await session.query("select set_config('postrider.tenant', 'bravo', false)");
      for (const [view, rows] of await seenBy(session)) {
        assert.deepEqual(rows, [], view);
      }
      assert.deepEqual(await shownTo(session, bravo), []);
      for (const call of changesOf(bravo)) {
        await assert.rejects(session.query(`select postrider_internal.${call}`), { code: "42501" }, call);
      }
    }
    for (const table of ["endpoint", "outbox", "delivery", "attempt", "endpoint_secret", "portal_token", "audit"]) {
      await assert.rejects(session.query(`select from postrider.${table}`), { code: "42501" }, table);
    }
    await assert.rejects(session.query("select postrider.create_portal_token('bravo')"), { code: "42501" });
    assert.equal(await everything(database.pool), before);
  });

  test("whoever logs in as the role of the portal with a token sees one tenant, and all of it", async (t) => {
    const login = await createLogin(database, ["postrider_portal"]);
    const session = await openSession(t, login.url);
    t.after(() => login.drop());
    const token = await createToken(database.pool, "acme");
    await session.query("select set_config('postrider.portal_token', $1, false)", [
      createHash("sha256").update(token).digest("hex"),
    ]);
    const before = await everything(database.pool);
    const seen = await seenBy(session);
    assert.ok(seen.size === 12, String(seen.size));
    const others = Object.values(bravo.ids);
    const rows = [...(await shownTo(session, acme)), ...(await shownTo(session, bravo))];
    for (const [view, found] of [...seen, ["functions", rows] as const]) {
      assert.ok(found.length > 0, view);
      for (const text of found) {
        assert.ok(!text.includes(bravo.mark) && !others.some((id) => text.includes(id)), `${view}: ${text}`);
      }
    }
    for (const call of changesOf(bravo).slice(1)) {
      await assert.rejects(session.query(`select postrider_internal.${call}`), { code: "P0002" }, call);
    }
    assert.equal(await everything(database.pool), before);
  });

  test("a secret, the value of a header and the query of a URL are in nothing that a tenant reads", async (t) => {
    const { url } = await startPortal(t, database);
    const token = await createToken(database.pool, "acme");
    const secret = String(
      await askFor(database.pool, "select secret from postrider.endpoint_secret where endpoint_id = $1", [
        acme.ids.endpoint_id,
      ]),
    );
    for (const operation of operationsAbout("portal/openapi.json", acme).filter(({ method }) => method === "GET")) {
      const { text } = await send(url, operation, token);
      for (const hidden of [secret, "header-mark", "query-mark", token]) {
        assert.ok(!text.includes(hidden), `${operation.name}: ${text}`);
      }
    }
  });

  test("a name that leads here, another site and a frame are refused", async (t) => {
    const { url, port } = await startPortal(t, database, { hosts: ["webhooks.example"] });
    const token = await createToken(database.pool, "acme");
    const statusAs = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, authorization: `Bearer ${token}` };
        request({ port, host: "127.0.0.1", path: `${PORTAL_PATH}/session`, headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    assert.equal(await statusAs("evil.example"), 421);
    assert.equal(await statusAs("webhooks.example"), 200);
    const session = (headers: Record<string, string>, method = "GET") =>
      ask(url, `${PORTAL}/session`, token, { method, headers });
    assert.equal((await session({ origin: "https://evil.example" })).status, 403);
    assert.equal((await session({ "sec-fetch-site": "cross-site" })).status, 403);
    assert.equal((await session({ "sec-fetch-site": "same-site" })).status, 403);
    const own = await session({ "sec-fetch-site": "same-origin", origin: url });
    assert.equal(own.status, 200);
    assert.match(own.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
    assert.equal(own.headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(own.headers.get("set-cookie"), null);
    const preflight = await ask(url, `${PORTAL}/session`, null, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-headers": "authorization" },
    });
    assert.equal(preflight.status, 405);
    for (const { headers } of [own, preflight]) {
      assert.deepEqual(
        [...headers.keys()].filter((name) => name.startsWith("access-control")),
        [],
      );
    }
  });

  test("a tenant adds an endpoint, changes it, and takes it away, and the audit says for whom", async (t) => {
    const send = await asTenant(t, "crafts");
    const created = await send("POST", "/endpoints", {
      url: "https://receiver.test/hook",
      event_types: ["order.*", "cart.*"],
      filter: "$.amount > 1",
      name: "billing",
      headers: { "x-one": "1", "x-two": "2" },
    });
    assert.equal(created.status, 201, created.text);
    assert.match(String(created.body.secret), /^whsec_/);
    const path = `/endpoints/${created.body.endpoint_id}`;
    const read = await send("GET", path);
    assert.deepEqual(read.body.event_types, ["order.*", "cart.*"]);
    assert.deepEqual(read.body.header_names, ["x-one", "x-two"]);
    const subscriptions = (await send("GET", `${path}/subscriptions`)).body as unknown as List;
    assert.deepEqual(
      subscriptions.data.map(({ filter }) => filter),
      ['($."amount" > 1)', '($."amount" > 1)'],
    );
    const tag = read.headers.get("etag") ?? "";
    const changed = await send(
      "PATCH",
      path,
      { url: "https://other.test/?t=1", description: "bills", headers: { "x-one": null, "x-three": "3" } },
      { "if-match": tag },
    );
    assert.equal(changed.status, 204, changed.text);
    assert.equal((await send("PATCH", path, { name: "late" }, { "if-match": tag })).status, 412);
    const after = (await send("GET", path)).body;
    assert.deepEqual(after.header_names, ["x-three", "x-two"]);
    assert.deepEqual([after.url, after.url_is_whole, after.name], ["https://other.test/", false, "billing"]);
    assert.equal((await send("POST", `${path}/pause`, { reason: "moving" })).status, 204);
    assert.equal((await send("GET", path)).body.state_reason, "moving");
    assert.equal((await send("POST", `${path}/resume`)).status, 204);
    assert.match(String((await send("POST", `${path}/rotate-secret`)).body.secret), /^whsec_/);
    const secrets = (await send("GET", `${path}/secrets`)).body as unknown as List;
    assert.equal(secrets.data.length, 2);
    const tested = await send("POST", `${path}/test`, { payload: { a: 1 } });
    assert.equal(tested.status, 201, tested.text);
    const event = (await send("GET", `/events/${tested.body.event_id}`)).body;
    assert.deepEqual([event.event_type, event.is_test], ["postrider.test", true]);
    const deliveries = (await send("GET", `/events/${tested.body.event_id}/deliveries`)).body as unknown as List;
    assert.deepEqual(
      deliveries.data.map(({ name, state }) => [name, state]),
      [["billing", "pending"]],
    );
    const subscribed = await send("POST", `${path}/subscriptions`, { event_type: "refund.made" });
    assert.equal(subscribed.status, 201, subscribed.text);
    assert.equal((await send("DELETE", `/subscriptions/${subscribed.body.subscription_id}`)).status, 204);
    assert.equal((await send("DELETE", `${path}?dry_run=true`)).body.pending, 1);
    assert.equal((await send("DELETE", path)).status, 200);
    assert.equal((await send("GET", path)).status, 404);
    const noted = await rowsOf<{ action: string; on_behalf_of: string; acting_as: string }>(
      database.pool,
      "select action, on_behalf_of, acting_as from postrider.audit where endpoint_id = $1 order by id",
      [created.body.endpoint_id],
    );
    assert.deepEqual(
      noted.map(({ action }) => action),
      [
        ...["create_endpoint", "subscribe", "subscribe", "update endpoint", "pause_endpoint", "resume_endpoint"],
        ...["rotate_secret", "send_test_event", "subscribe", "unsubscribe", "delete_endpoint"],
      ],
    );
    for (const row of noted) {
      assert.deepEqual([row.on_behalf_of, row.acting_as], ["portal crafts: alice", "postrider_portal"], row.action);
    }
  });

  test("what a tenant may not have is refused in words without SQL", async (t) => {
    const send = await asTenant(t, "clumsy");
    const made = await send("POST", "/endpoints", { url: "https://receiver.test", name: "taken" });
    const path = `/endpoints/${made.body.endpoint_id}`;
    const other = await send("POST", "/endpoints", { url: "https://receiver.test" });
    const week = new Date(Date.now() - 8 * 86_400_000).toISOString();
    const hour = new Date(Date.now() - 3_600_000).toISOString();
    const endpoint_id = made.body.endpoint_id;
    const cases: readonly (readonly [string, string, unknown, number, RegExp])[] = [
      ["POST", "/endpoints", { url: "ftp://receiver.test" }, 422, /url is http or https/],
      ["POST", "/endpoints", { url: "https://a.test", event_types: ["postrider.*"] }, 422, /not for tenants/],
      ["POST", "/endpoints", { url: "https://a.test", headers: { host: "b.test" } }, 422, /is set by the sender alone/],
      ["POST", "/endpoints", { url: "https://a.test", timeout_ms: 5 }, 400, /no member/],
      ["PATCH", `/endpoints/${other.body.endpoint_id}`, { name: "taken" }, 409, /name is unique/],
      ["PATCH", path, { timeout_ms: 5 }, 400, /no member/],
      ["PATCH", path, { headers: [1] }, 422, /headers is not a JSON object/],
      ["POST", `${path}/subscriptions`, { event_type: "postrider.endpoint.disabled" }, 422, /not for tenants/],
      ["POST", `${path}/subscriptions`, { event_type: "a.*", filter: "$.a" }, 422, /is not a predicate/],
      [
        "POST",
        `${path}/subscriptions`,
        { event_type: "a", filter: `$.a == "${"x".repeat(1_000)}"` },
        422,
        /characters/,
      ],
      ["POST", `${path}/test`, { event_type: "postrider.endpoint.disabled" }, 422, /not for tenants/],
      ["POST", "/replays", { endpoint_id, since: week }, 422, /within the last 7 days/],
      ["POST", "/replays", { endpoint_id, since: hour, states: ["succeeded"] }, 422, /exhausted, unmatched/],
      ["POST", "/replays", { endpoint_id, since: hour, event_type: "postrider.*" }, 422, /not for tenants/],
      ["GET", "/session", undefined, 200, /"tenant":"clumsy","subject":"alice"/],
    ];
    for (const [method, asked, body, status, said] of cases) {
      const answer = await send(method, asked, body);
      assert.equal(answer.status, status, `${method} ${asked}: ${answer.text}`);
      assert.match(answer.text, said);
      assert.doesNotMatch(answer.text, /\bselect\b|postrider_internal|create_endpoint\(/);
    }
  });

  test("a tenant mends what its failures disabled, and not what an operator did", async (t) => {
    const send = await asTenant(t, "mender");
    const endpoint = await createEndpoint(database.pool, ["*"], { tenant: "mender" });
    const path = `/endpoints/${endpoint}`;
    await database.pool.query("select postrider.disable_endpoint($1, 'they did not pay')", [endpoint]);
    assert.equal((await send("POST", `${path}/resume`)).status, 409);
    assert.equal((await send("POST", `${path}/pause`)).status, 409);
    for (const reason of [
      "the receiver answered 410 Gone",
      "nothing but failures since 2026-11-25 12:00 UTC: 7 of them, the last one: egress refused 10.0.0.7:443",
    ]) {
      await database.pool.query("select postrider.enable_endpoint($1)", [endpoint]);
      await database.pool.query("select postrider.disable_endpoint($1, $2)", [endpoint, reason]);
      const shown = (await send("GET", path)).body.state_reason;
      assert.ok(!String(shown).includes("10.0.0.7"), String(shown));
      assert.equal((await send("POST", `${path}/resume`)).status, 204);
      assert.equal((await send("GET", path)).body.state, "active");
    }
  });

  test("what the network of the daemons said of a failure stays with operators", async (t) => {
    const send = await asTenant(t, "prober");
    const endpoint = await createEndpoint(database.pool, ["*"], { tenant: "prober" });
    const event = await insertEvent(database.pool, "order.paid", { tenant: "prober" });
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at) values ($1, $2, 'exhausted', 1, now())`,
      [event, endpoint],
    );
    await database.pool.query(
      `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
     select $1, $2, gen_random_uuid(), gen_random_uuid(), now() - interval '1 min', 1, 5, k.kind, 'egress refused db.internal (10.0.0.7)'
     from unnest('{blocked,dns,proxy}'::text[]) k (kind)`,
      [event, endpoint],
    );
    await database.pool.query(
      `insert into postrider.endpoint_failure (endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_error)
     values ($1, 1, now(), now(), 'blocked', 'egress refused db.internal (10.0.0.7)')`,
      [endpoint],
    );
    for (const path of [
      `/endpoints/${endpoint}`,
      `/events/${event}/attempts`,
      `/events/${event}/deliveries`,
      "/attempts",
    ]) {
      const { status, text } = await send("GET", path);
      assert.equal(status, 200, text);
      assert.doesNotMatch(text, /10\.0\.0\.7|db\.internal/, path);
      assert.match(text, /events are not sent to this address|leads to no address|it could not be sent/, path);
    }
  });

  test("a tenant sends again what was missed, one replay at a time", async (t) => {
    const own = await addTenant(database.pool, "patient");
    const send = await asTenant(t, "patient");
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const asked = { endpoint_id: own.ids.endpoint_id, since };
    assert.equal((await send("POST", "/replays", asked)).status, 409);
    assert.equal((await send("DELETE", `/replays/${own.ids.replay_id}`)).status, 204);
    assert.deepEqual((await send("POST", "/replays", { ...asked, dry_run: true })).body, {
      replay_id: null,
      events: 1,
    });
    const made = await send("POST", "/replays", asked);
    assert.equal(made.status, 201, made.text);
    assert.equal((await send("GET", `/replays/${made.body.replay_id}`)).body.state, "preparing");
    await send("DELETE", `/replays/${made.body.replay_id}`);
    const again = await send("POST", `/events/${own.ids.event_id}/deliveries/${own.ids.endpoint_id}/redeliver`);
    assert.deepEqual(again.body, { deliveries: 1 });
    const moved = await createEndpoint(database.pool, ["*"], { tenant: "elsewhere" });
    const stranger = await send("POST", `/events/${own.ids.event_id}/deliveries/${moved}/redeliver`);
    assert.equal(stranger.status, 404);
  });

  test("events of operators and an endpoint that moved to another tenant are not there", async (t) => {
    const own = await addTenant(database.pool, "mover");
    await database.pool.query("update postrider.endpoint set tenant = 'elsewhere' where id = $1", [
      own.ids.endpoint_id,
    ]);
    for (const tenant of ["mover", "elsewhere"]) {
      const send = await asTenant(t, tenant);
      const deliveries = (await send("GET", `/events/${own.ids.event_id}/deliveries`)).body as unknown as List;
      assert.deepEqual(deliveries.data, [], tenant);
      const failed = (await send("GET", "/attempts")).body as unknown as List;
      assert.deepEqual(failed.data, [], tenant);
    }
    await database.pool.query("select postrider_internal.insert_own_event('postrider.endpoint.failing', '{}')");
    const send = await asTenant(t, "");
    const events = (await send("GET", "/events")).body as unknown as List;
    assert.deepEqual(
      events.data.filter(({ event_type }) => String(event_type).startsWith("postrider.")),
      [],
    );
  });

  test("a list of events says how far it looked, and goes on behind a page", async (t) => {
    const send = await asTenant(t, "lister");
    const ids = [];
    for (let n = 0; n < 3; n++) ids.unshift(await insertEvent(database.pool, `list.${n}`, { tenant: "lister" }));
    const first = (await send("GET", "/events?limit=2&event_type=list.*")).body as unknown as List;
    assert.deepEqual(
      first.data.map(({ id }) => id),
      ids.slice(0, 2),
    );
    assert.equal(first.searched_to, null);
    const second = (await send("GET", `/events?limit=2&after=${first.next}`)).body as unknown as List;
    assert.deepEqual(
      second.data.map(({ id }) => id),
      ids.slice(2),
    );
    assert.match(String(second.searched_to), /^\d{4}-\d\d-\d\dT/);
  });

  test("the API makes tokens with a key of their scope, and ends them", async (t) => {
    const api = await startConsole(t, database, { memberOf: CONSOLE_ROLES });
    const portal = await startPortal(t, database);
    const post = (body: unknown) => ({ method: "POST", body: JSON.stringify(body) });
    const wanted = { tenant: "minted", capabilities: ["endpoints:read"], ttl: "5 minutes", subject: "bob" };
    assert.equal((await api.ask(["operate"], "/portal-tokens", post(wanted))).status, 403);
    const made = await api.ask(["portal:mint"], "/portal-tokens", post(wanted));
    assert.equal(made.status, 201, made.text);
    const session = await ask(portal.url, `${PORTAL}/session`, String(made.body.token));
    assert.deepEqual(session.body, {
      ...{ tenant: "minted", subject: "bob", capabilities: ["endpoints:read"], expires_at: made.body.expires_at },
    });
    for (const wrong of [
      { ttl: "2 hours" },
      { capabilities: ["everything"] },
      { capabilities: [] },
      { subject: " " },
    ]) {
      const refused = await api.ask(["portal:mint"], "/portal-tokens", post({ ...wanted, ...wrong }));
      assert.equal(refused.status, 422, refused.text);
    }
    const ended = await api.ask(["portal:mint"], "/portal-tokens/revoke", post({ tenant: "minted" }));
    assert.deepEqual(ended.body, { revoked: 1 });
    assert.equal((await ask(portal.url, `${PORTAL}/session`, String(made.body.token))).status, 401);
  });

  test("a token that asks too often is told when to come back, and its neighbour is not held up", async (t) => {
    const { url } = await startPortal(t, database, { tokenRate: { perSecond: 0.001, burst: 2 } });
    const token = await createToken(database.pool, "acme");
    const session = (shown: string) => ask(url, `${PORTAL}/session`, shown);
    assert.equal((await session(token)).headers.get("ratelimit"), '"token";r=1;t=0');
    await session(token);
    const refused = await session(token);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.equal((await session(await createToken(database.pool, "acme"))).status, 200);
  });

  test("made-up tokens, and those of one tenant, leave connections to others, and a stranger's body is not read", async (t) => {
    const login = await createLogin(database, ["postrider_portal"]);
    const held = new HeldDatabase({ apiDatabaseUrl: login.url, apiDatabaseUrlFile: null });
    t.after(() => held.stop().finally(() => login.drop()));
    const app = makePortalApp({ database: held, hosts: [], origins: [], onError: assert.fail });
    const asks = (token: string, path = "/session", init: RequestInit = {}) =>
      new Request(`http://localhost${PORTAL_PATH}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${token}` },
      });
    const [acmes, others, bravos] = [
      await createToken(database.pool, "acme"),
      await createToken(database.pool, "acme"),
      await createToken(database.pool, "bravo"),
    ];
    const madeUp = () => `prp_${randomBytes(32).toString("base64url")}`;
    for (const token of [acmes, others, bravos]) {
      assert.equal((await app.request(asks(token))).status, 200);
    }
    const release = held.hold();
    const strangers = Array.from({ length: 8 }, () => app.request(asks(madeUp())));
    await until("two strangers have their turn", () => held.begun === 2);
    const many = Array.from({ length: 8 }, (_, index) => app.request(asks(index % 2 === 0 ? acmes : others)));
    await until("two visitors of one tenant have theirs", () => held.begun === 4);
    const visitor = app.request(asks(bravos));
    await until("one of another tenant has its own as well", () => held.begun === 5);
    release();
    assert.equal((await visitor).status, 200);
    assert.equal((await many[0])?.status, 200);
    await Promise.all(many);
    for (const { status } of await Promise.all(strangers)) {
      // 429 if the wait was too long for the last of them.
      assert.ok(status === 401 || status === 429, String(status));
    }
    const body = { method: "POST", body: '{"url": "https://receiver.test/"}', headers: JSON_TYPE };
    const stranger = asks(madeUp(), "/endpoints", body);
    assert.equal((await app.request(stranger)).status, 401);
    assert.equal(stranger.bodyUsed, false);
  });

  test("a login that lacks the role tells operators, and not the tenant", async (t) => {
    const { url, errors } = await startPortal(t, database, { memberOf: ["postrider_reader"] });
    const answer = await ask(url, `${PORTAL}/session`, await createToken(database.pool, "acme"));
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /role/);
    assert.match(errors.join("\n"), /permission denied to set role "postrider_portal"/);
  });

  test("a tenant has no more endpoints and subscriptions than a hundred", async (t) => {
    const send = await asTenant(t, "greedy");
    await database.pool.query(
      "insert into postrider.endpoint (tenant, url) select 'greedy', 'https://receiver.test' from generate_series(1, 99)",
    );
    const last = await send("POST", "/endpoints", { url: "https://receiver.test", event_types: [] });
    assert.equal(last.status, 201, last.text);
    assert.equal((await send("POST", "/endpoints", { url: "https://receiver.test" })).status, 409);
    await database.pool.query(
      "insert into postrider.subscription (endpoint_id, event_type) select $1, 'type.' || n from generate_series(1, 100) n",
      [last.body.endpoint_id],
    );
    const more = await send("POST", `/endpoints/${last.body.endpoint_id}/subscriptions`, { event_type: "one.more" });
    assert.equal(more.status, 409);
  });

  test("no table has a policy, so a role that reads everything can make a dump", async (t) => {
    const login = await createLogin(database, ["pg_read_all_data"]);
    const session = await openSession(t, login.url);
    t.after(() => login.drop());
    // As pg_dump does: a table with a policy is then an error.
    await session.query("set row_security = off");
    const tables = await rowsOf<{ name: string }>(
      session,
      "select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p')",
    );
    for (const { name } of tables) {
      await session.query(`select from ${name} limit 1`);
    }
  });

  test("every route that changes something is no GET, and the other way round", () => {
    const writes: readonly (Capability | null)[] = [
      "endpoints:write",
      "endpoints:state",
      "secret:rotate",
      "redeliver",
      "test",
    ];
    const isWrite = ({ scope, name }: AnyRoute) =>
      writes.includes(scope as Capability) || (/replay$/.test(name) && name !== "portal_read_replay");
    assert.deepEqual(
      PORTAL_ROUTES.filter((route) => isWrite(route) === (route.method === "GET")).map(({ name }) => name),
      [],
    );
  });
});
