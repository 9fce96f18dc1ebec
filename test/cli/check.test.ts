import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { runCommand } from "../support/command.ts";
import { createDatabase, createDatabaseOf, databaseFor } from "../support/database.ts";
import { makePartitions } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { startAnotherServer } from "../support/testServer.ts";

interface Line {
  readonly name: string;
  readonly state: "ok" | "warning" | "fault" | "skipped";
  readonly found: string | null;
  readonly remedy: string | null;
}

/** The servers of tests keep nothing in a crash and have no autovacuum, which is said each time. */
const OF_TEST_SERVERS = ["durability", "vacuum"];

/** What a daemon has by default, and no test does. */
const SERVING = { POSTRIDER_API_LISTEN: "127.0.0.1:8429" };

/** What is not ok, by the name of the check, and the exit status. */
async function check(env: Readonly<Record<string, string>>) {
  const { code, stdout } = await runCommand(["check", "--json"], { env });
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Line[] };
  const bad = checks.filter(({ name, state }) => state !== "ok" && !OF_TEST_SERVERS.includes(name));
  return { code, checks, others: new Map(bad.map((line) => [line.name, line])) };
}

test("where everything is well, each check says so", async (t) => {
  const server = await startAnotherServer({ settings: { autovacuum: "on", fsync: "on", full_page_writes: "on" } });
  const { url, name, drop } = await createDatabaseOf(server.url, "template0");
  t.after(() => drop().finally(() => server.stop()));
  assert.equal((await runCommand(["migrate"], { env: { DATABASE_URL: url } })).code, 0);
  const env = { DATABASE_URL: url, POSTRIDER_ENCRYPTION_KEYS: Buffer.alloc(32, 1).toString("base64") };
  const { code, stdout } = await runCommand(["check"], { env });
  assert.equal(code, 0, stdout);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(/\s+/).slice(0, 2)),
    [
      "configuration",
      "connection",
      "encoding",
      "clock",
      "schema",
      "privileges",
      "rows",
      "sending",
      "secrets",
      "egress",
      "certificates",
      "payloads",
      "pull",
      "api",
      "portal",
      "partitions",
      "pooler",
      "connections",
      "durability",
      "wal",
      "vacuum",
      "sequence",
      "disk",
    ].map((check) => ["ok", check]),
  );
  assert.match(lines[1] ?? "", new RegExp(`database ${name}`));
});

test("wrong settings are all faults, and nothing else is looked at", async () => {
  const { code, checks } = await check({ POSTRIDER_MAX_IN_FLIGHT: "many", POSTRIDER_EGRESS: "public" });
  assert.equal(code, 1);
  const settings = checks.filter(({ name }) => name === "configuration");
  assert.equal(settings.length, 3);
  assert.ok(settings.every(({ state, remedy }) => state === "fault" && remedy !== null));
  assert.ok(checks.filter(({ name }) => name !== "configuration").every(({ state }) => state === "skipped"));
});

test("a server that does not answer is a fault", async () => {
  const { code, others } = await check({ DATABASE_URL: "postgres://127.0.0.1:1/nothing" });
  assert.equal(code, 1);
  assert.equal(others.get("connection")?.state, "fault");
  assert.equal(others.get("schema")?.state, "skipped");
});

test("without the schema, what needs it is not looked at", async (t) => {
  const { url } = await databaseFor(t, { template: "empty" });
  const { code, others } = await check({ DATABASE_URL: url });
  assert.equal(code, 1);
  assert.deepEqual(
    [...others.values()].map(({ name, state }) => `${name} ${state}`),
    [
      "schema fault",
      "privileges skipped",
      "rows skipped",
      "sending skipped",
      "secrets skipped",
      "certificates skipped",
      "payloads skipped",
      "pull skipped",
      "api skipped",
      "portal skipped",
      "partitions skipped",
      "sequence skipped",
      "disk skipped",
    ],
  );
  assert.match(others.get("schema")?.remedy ?? "", /postrider migrate/);
});

test("a role without the privileges of a daemon is a fault", async (t) => {
  const database = await createDatabase();
  const reader = await createLogin(database, ["postrider_reader"]);
  const daemon = await createLogin(database, ["postrider_daemon"]);
  t.after(async () => {
    await reader.drop();
    await daemon.drop();
    await database.drop();
  });
  const { code, others } = await check({ DATABASE_URL: reader.url });
  assert.equal(code, 1);
  assert.match(others.get("privileges")?.found ?? "", /may not .* and \d+ more$/);
  assert.equal((await check({ DATABASE_URL: daemon.url })).code, 0);
});

test("sending that is switched off is a fault, with who did it and why", async (t) => {
  const { url, pool } = await databaseFor(t);
  await pool.query("update postrider.sending set is_on = false, reason = 'until Monday'");
  const { code, others } = await check({ DATABASE_URL: url });
  assert.equal(code, 1);
  assert.match(others.get("sending")?.found ?? "", /until Monday/);
});

test("a row that is gone is one fault", async (t) => {
  const { url, pool } = await databaseFor(t);
  await pool.query("set local session_replication_role = replica; delete from postrider.sending");
  const { others } = await check({ DATABASE_URL: url });
  assert.deepEqual(
    [...others.values()].map(({ name, state }) => `${name} ${state}`),
    ["rows fault", "sending skipped", "secrets warning", "disk skipped"],
  );
});

test("what Postgres refuses unexpectedly is a fault, and ends no other check", async (t) => {
  const { url, pool } = await databaseFor(t);
  await pool.query("alter table postrider.sending rename column changed_by to who");
  const { code, checks, others } = await check({ DATABASE_URL: url });
  assert.equal(code, 1);
  assert.match(others.get("sending")?.found ?? "", /changed_by does not exist/);
  assert.deepEqual([checks.at(-1)?.name, checks.at(-1)?.state], ["disk", "ok"]);
});

test("large payloads that no URL leads to are a warning", async (t) => {
  const { url, pool } = await databaseFor(t);
  await pool.query(
    `insert into postrider.daemon (id, host, pid, version, beat_at, lease_expires_at, public_url)
     values (gen_random_uuid(), 'host', 1, '1', now(), now() + interval '1 minute', 'http://listener.test')`,
  );
  await pool.query("select postrider.create_endpoint('http://receiver.test/', options => '{\"inline_limit\": 0}')");
  const { others } = await check({ DATABASE_URL: url });
  assert.match(others.get("payloads")?.found ?? "", /^1 endpoint with an inline_limit, and no POSTRIDER_PUBLIC_URL/);
  const set = await check({ DATABASE_URL: url, POSTRIDER_PUBLIC_URL: "http://listener.test" });
  assert.equal(set.others.get("payloads"), undefined);
});

test("a pull endpoint from which nothing can be fetched is a warning", async (t) => {
  const { url, pool } = await databaseFor(t);
  const made = async () => {
    const { rows } = await pool.query<{ id: string }>(
      'select endpoint_id as id from postrider.create_endpoint(null, options => \'{"kind": "pull"}\')',
    );
    return rows[0]?.id ?? "";
  };
  const [served, forgotten, disabled] = [await made(), await made(), await made()];
  await pool.query("select postrider.create_pull_token($1)", [served]);
  await pool.query("select postrider.disable_endpoint($1)", [disabled]);
  const env = { DATABASE_URL: url, POSTRIDER_HTTP_LISTEN: "127.0.0.1:8427" };
  const { code, others } = await check(env);
  assert.deepEqual([code, others.get("pull")?.state], [0, "warning"]);
  assert.equal(
    others.get("pull")?.found,
    `2 pull endpoints, of which 1 has no valid token, such as ${forgotten}: what waits there cannot be fetched`,
  );
  assert.match(others.get("pull")?.remedy ?? "", /create_pull_token/);
  await pool.query("select postrider.create_pull_token($1)", [forgotten]);
  assert.equal((await check(env)).others.get("pull"), undefined);
  const deaf = await check({ ...env, POSTRIDER_HTTP_LISTEN: "off" });
  assert.match(deaf.others.get("pull")?.found ?? "", /^2 pull endpoints, and POSTRIDER_HTTP_LISTEN is off/);
});

test("an egress proxy that is out of reach is a fault", async (t) => {
  const { url } = await databaseFor(t);
  const proxy = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const stop = promisify(proxy.close.bind(proxy));
  t.after(() => (proxy.listening ? stop() : undefined));
  const { port } = proxy.address() as AddressInfo;
  const env = { DATABASE_URL: url, POSTRIDER_EGRESS_PROXY: `http://shop:s3cret-word@127.0.0.1:${port}` };
  const inReach = await check(env);
  assert.deepEqual([inReach.code, inReach.checks.find(({ name }) => name === "egress")?.state], [0, "ok"]);
  await stop();
  const { code, others } = await check(env);
  const { state, found, remedy } = others.get("egress") ?? {};
  assert.deepEqual([code, state], [1, "fault"]);
  assert.match(`${found}; ${remedy}`, /out of reach: no connection to 127.*POSTRIDER_EGRESS_PROXY/);
  assert.doesNotMatch(`${found}`, /shop|s3cret/);
});

test("too few partitions are a warning", async (t) => {
  const { url, pool } = await databaseFor(t);
  await makePartitions(pool);
  const { rows } = await pool.query<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'postrider.other_attempt'::regclass order by 1",
  );
  const days = rows.map(({ name }) => name).filter((name) => !name.endsWith("_default"));
  // Today's and tomorrow's are left, and yesterday's if the template was made then.
  for (const name of days.slice(-6)) await pool.query(`drop table ${name}`);
  const { code, others } = await check({ DATABASE_URL: url });
  assert.deepEqual([code, others.get("partitions")?.state], [0, "warning"]);
  assert.match(others.get("partitions")?.found ?? "", /^partitions are made for 1 day ahead; /);
});

for (const [encoding, meaning] of [
  ["WIN1252", /an event with a character that cannot be translated is discarded/],
  ["SQL_ASCII", /Postgres does not know what bytes mean/],
] as const) {
  test(`check and migrate say what the encoding ${encoding} means`, async (t) => {
    const { url } = await databaseFor(t, { encoding, template: "empty" });
    const migrated = await runCommand(["migrate"], { env: { DATABASE_URL: url } });
    assert.match(migrated.stderr, new RegExp(`^warning: .*${meaning.source}`, "m"));
    const { code, others } = await check({ DATABASE_URL: url });
    assert.deepEqual([code, others.get("encoding")?.state], [0, "warning"]);
    assert.match(others.get("encoding")?.found ?? "", meaning);
    assert.match(others.get("encoding")?.remedy ?? "", /UTF8/);
  });
}

test("an encoding that no daemon can read is named when connecting", async (t) => {
  const { url } = await databaseFor(t, { encoding: "MULE_INTERNAL", template: "empty" });
  const { code, others } = await check({ DATABASE_URL: url });
  assert.equal(code, 1);
  assert.match(others.get("connection")?.remedy ?? "", /encoding UTF8/);
});

test("the login of the API is looked at: who it is, what it may take, what its keys want", async (t) => {
  const { url, pool, drop } = await createDatabase();
  const roles = ["postrider_reader", "postrider_operator", "postrider_publisher"];
  const [whole, reader, daemon] = await Promise.all([
    createLogin({ pool, url }, roles),
    createLogin({ pool, url }, ["postrider_reader"]),
    createLogin({ pool, url }, ["postrider_reader", "postrider_daemon"]),
  ]);
  t.after(() => Promise.all([whole.drop(), reader.drop(), daemon.drop()]).finally(drop));
  const apiCheck = async (api: string, more: Readonly<Record<string, string>> = {}) => {
    const { checks } = await check({ ...SERVING, DATABASE_URL: url, POSTRIDER_API_DATABASE_URL: api, ...more });
    const { state, found, remedy } = checks.find(({ name }) => name === "api") ?? {};
    return [state, `${found}; ${remedy}`] as const;
  };
  const expect = async (api: string, state: string, said: RegExp, more: Readonly<Record<string, string>> = {}) => {
    const [found, text] = await apiCheck(api, more);
    assert.equal(found, state, text);
    assert.match(text, said);
  };
  await pool.query("select postrider.create_api_key('ops', '{operate}')");
  await expect(whole.url, "ok", /may take postrider_reader, postrider_operator, postrider_publisher; 1 key;/);
  await expect(reader.url, "warning", /1 key of the API, such as ops, may do more than the roles that/);
  await expect(daemon.url, "warning", /may read the secrets of endpoints; .*make a login for it/);
  await expect(url, "warning", /a superuser; make a login for it/);
  await expect("postgres://127.0.0.1:1/none", "warning", /the API cannot log in.*look at its host/);
  await expect(
    whole.url.replace(/\/[^/?]*(\?|$)/, "/postgres$1"),
    "warning",
    /another database than DATABASE_URL|cannot log in/,
  );
  const trusting = {
    POSTRIDER_TRUSTED_USER_HEADER: "x-user",
    POSTRIDER_TRUSTED_PROXIES: "10.0.0.1",
    POSTRIDER_TRUSTED_GROUPS: "*=publish",
  };
  await expect(reader.url, "warning", /POSTRIDER_TRUSTED_GROUPS gives scopes that need postrider_publisher/, trusting);
  await pool.query(`alter role ${whole.name} connection limit 2`);
  await expect(whole.url, "warning", /may have 2 connections, and the API uses up to 4; alter role/);
});

test("the login of the portal is looked at: whether it may be one, and may do nothing else", async (t) => {
  const { url, pool, drop } = await createDatabase();
  const logins = await Promise.all(
    [["postrider_portal"], ["postrider_portal", "postrider_reader"], [], ["postrider_portal"]].map((roles) =>
      createLogin({ pool, url }, roles),
    ),
  );
  t.after(() => Promise.all(logins.map((login) => login.drop())).finally(drop));
  const [alone, both, none, curious] = logins as [Login, Login, Login, Login];
  const expect = async (
    login: Login | null,
    state: string,
    said: RegExp,
    more: Readonly<Record<string, string>> = {},
  ) => {
    const api = login === null ? {} : { POSTRIDER_API_DATABASE_URL: login.url };
    const env = { ...SERVING, DATABASE_URL: url, POSTRIDER_PORTAL_LISTEN: "127.0.0.1:8430", ...api, ...more };
    const { checks, code } = await check(env);
    const line = checks.find(({ name }) => name === "portal");
    const text = `${line?.found}; ${line?.remedy}`;
    assert.deepEqual([line?.state, code], [state, state === "fault" ? 1 : 0], text);
    assert.match(text, said);
    return new Map(checks.map(({ name, ...rest }) => [name, rest]));
  };
  const withoutApi = { POSTRIDER_API_LISTEN: "off" };
  await expect(null, "fault", /POSTRIDER_API_DATABASE_URL is not.*does not start.*in role postrider_portal/);
  await expect(null, "ok", /there is no portal/, { POSTRIDER_PORTAL_LISTEN: "off" });
  const fit = await expect(
    alone,
    "ok",
    /may take postrider_portal, and reads no table; it answers .*in no frame/,
    withoutApi,
  );
  assert.match(fit.get("api")?.found ?? "", /there is no API, because POSTRIDER_API_LISTEN is off/);
  const framed = { POSTRIDER_PORTAL_HOSTS: "webhooks.test", POSTRIDER_PORTAL_ORIGINS: "https://app.test" };
  await expect(both, "ok", /addresses, webhooks\.test; https:\/\/app\.test may frame it/, framed);
  await expect(both, "warning", /may also take postrider_reader; revoke postrider_reader from/, withoutApi);
  await expect(none, "warning", /may not take postrider_portal; grant postrider_portal to/);
  await pool.query(`grant select (id) on postrider.endpoint to ${curious.name}`);
  await expect(curious, "warning", /may read .* such as postrider\.endpoint; revoke select on/, withoutApi);
  await pool.query(`alter role ${alone.name} connection limit 3; alter role ${both.name} connection limit 7`);
  await expect(alone, "warning", /may have 3 connections, and the portal uses up to 4; alter role/, withoutApi);
  const shared = await expect(both, "ok", /may take postrider_portal; it answers/);
  assert.match(shared.get("api")?.found ?? "", /7 connections, and the API and the portal use up to 8/);
  await pool.query("grant select on postrider.outbox to postrider_portal");
  await expect(both, "warning", /postrider_portal may read postrider\.outbox, .*every tenant; .*grant_roles/);
  const { rows } = await pool.query("select from postrider.grant_roles()");
  assert.ok(rows.length > 0);
  await expect(both, "ok", /may take postrider_portal/);
});
