import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EndpointDirectory } from "../../../src/daemon/deliver/endpoints.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { makeFormats } from "../../../src/format/body.ts";
import { useDatabase } from "../../support/database.ts";
import { rowsOf } from "../../support/engine.ts";

const testDatabase = useDatabase();

const ENDPOINTS_MAX = 50;

test("what a page needs stays known, however many endpoints were loaded after it", async (t) => {
  await testDatabase.pool.query(
    "insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, $1)",
    [ENDPOINTS_MAX + 10],
  );
  const rows = await rowsOf<{ id: string }>(testDatabase.pool, "select id from postrider.endpoint order by id");
  const wanted = rows.map(({ id }) => [id, "1"] as const);
  const config = connectionConfig({ databaseUrl: testDatabase.url, applicationName: "endpoints" });
  const database = new Database({ config, purpose: "pipeline", max: 1 });
  t.after(() => database.end());
  const directory = new EndpointDirectory(database, makeFormats("postrider"), [], ENDPOINTS_MAX);
  await directory.ensure(wanted.slice(0, ENDPOINTS_MAX));
  const page = [...wanted.slice(0, 5), ...wanted.slice(ENDPOINTS_MAX)];
  await directory.ensure(page);
  assert.deepEqual(
    page.filter(([id]) => directory.get(id) === undefined),
    [],
  );
  const known = wanted.filter(([id]) => directory.get(id) !== undefined);
  assert.equal(known.length, ENDPOINTS_MAX);
});

test("those that did not answer when they were last sent something are named when they are loaded", async (t) => {
  const rows = await rowsOf<{ id: string }>(
    testDatabase.pool,
    "insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, 4) returning id",
  );
  const [silent = "", refusing = "", recovered = "", unknown = ""] = rows.map(({ id }) => id);
  await testDatabase.pool.query(
    `insert into postrider.endpoint_failure (
       endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_http_status)
     values ($1, 2, now(), now(), 'timeout', null), ($2, 2, now(), now(), 'status', 503), ($3, 0, null, now(), 'timeout', null)`,
    [silent, refusing, recovered],
  );
  const { directory } = openDirectory(t);
  const wanted = [silent, refusing, recovered, unknown].map((id) => [id, "1"] as const);
  assert.deepEqual(await directory.ensure(wanted), [silent]);
  assert.deepEqual(await directory.ensure(wanted), [], "they are known");
});

/** Two endpoints, without a secret and with one that no key opens. */
async function createTwo(): Promise<{ readonly readable: string; readonly unreadable: string }> {
  const [unreadable, readable] = await rowsOf<{ id: string }>(
    testDatabase.pool,
    "insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, 2) returning id",
  );
  assert.ok(unreadable !== undefined && readable !== undefined);
  await testDatabase.pool.query(
    "insert into postrider.endpoint_secret (endpoint_id, secret) values ($1, 'sealed:v1:0123456789abcdef:AAAA')",
    [unreadable.id],
  );
  return { readable: readable.id, unreadable: unreadable.id };
}

function openDirectory(t: TestContext) {
  const config = connectionConfig({ databaseUrl: testDatabase.url, applicationName: "endpoints" });
  const database = new Database({ config, purpose: "pipeline", max: 1 });
  t.after(() => database.end());
  return { database, directory: new EndpointDirectory(database, makeFormats("postrider")) };
}

test("an endpoint that is loaded twice at a time stays as it was asked for last", async (t) => {
  const { readable, unreadable } = await createTwo();
  const { database, directory } = openDirectory(t);
  // One session takes the statements in this order, and then the one that pauses the endpoint whose secret is unreadable.
  await Promise.all([
    directory.ensure([
      [unreadable, "2"],
      [readable, "1"],
    ]),
    database.query("update postrider.endpoint set timeout_ms = 20000 where id = $1", [readable]),
    directory.ensure([[readable, "2"]]),
  ]);
  assert.equal(directory.get(readable)?.timeoutMs, 20_000);
  assert.equal(directory.get(unreadable)?.waits, true);
});

test("a header is sent whatever its name means to JavaScript, also one that says who sends", async (t) => {
  const rows = await rowsOf<{ id: string }>(
    testDatabase.pool,
    `select c.endpoint_id as id
     from unnest($1::jsonb[]) o (options), postrider.create_endpoint('http://127.0.0.1:9/', options => o.options) c`,
    [
      [
        '{"headers": {"__proto__": "a", "constructor": "b"}}',
        '{"auth": {"type": "header", "name": "__proto__", "value": "c"}}',
      ],
    ],
  );
  const { directory } = openDirectory(t);
  await directory.ensure(rows.map(({ id }) => [id, "1"]));
  const lines = rows.map(({ id }) => directory.get(id)?.fixed.lines ?? "");
  assert.match(lines[0] ?? "", /^__proto__: a\r\n/m);
  assert.match(lines[0] ?? "", /^constructor: b\r\n/m);
  assert.match(lines[1] ?? "", /^__proto__: c\r\n/m);
});

test("an endpoint that Postgres refuses to pause has the problem, and keeps no other", async (t) => {
  const { readable, unreadable } = await createTwo();
  const { directory } = openDirectory(t);
  await testDatabase.pool.query(`
    create function public.refuse() returns trigger language plpgsql as 'begin raise exception $$not now$$; end';
    create trigger refuse before update of state on postrider.endpoint for each row execute function public.refuse()`);
  t.after(() => testDatabase.pool.query("drop function public.refuse cascade"));
  await directory.ensure([
    [unreadable, "2"],
    [readable, "1"],
  ]);
  assert.equal(directory.get(unreadable)?.waits, false);
  assert.match(directory.get(unreadable)?.problem ?? "", /refuses to pause the endpoint: SQLSTATE P0001: not now/);
  assert.ok(directory.get(readable) !== undefined);
});

test("many unreadable endpoints are paused together, and one that Postgres refuses to pause keeps none of them", async (t) => {
  const rows = await rowsOf<{ id: string }>(
    testDatabase.pool,
    "insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, 150) returning id",
  );
  const ids = rows.map(({ id }) => id);
  await testDatabase.pool.query(
    "insert into postrider.endpoint_secret (endpoint_id, secret) select u.id, 'sealed:v1:0123456789abcdef:AAAA' from unnest($1::uuid[]) u (id)",
    [ids],
  );
  const [refused = "", ...others] = ids;
  const { database, directory } = openDirectory(t);
  const runs = t.mock.method(database, "run");
  await directory.ensure(others.slice(0, 100).map((id) => [id, "2"]));
  assert.equal(runs.mock.callCount(), 2, "one statement loads them, and one pauses them");
  await testDatabase.pool.query(`
    create function public.refuse() returns trigger language plpgsql as 'begin raise exception $$not now$$; end';
    create trigger refuse before update of state on postrider.endpoint for each row
      when (old.id = '${refused}') execute function public.refuse()`);
  t.after(() => testDatabase.pool.query("drop function public.refuse cascade"));
  await directory.ensure([refused, ...others.slice(100)].map((id) => [id, "2"]));
  const paused = await rowsOf<{ id: string }>(
    testDatabase.pool,
    "select id from postrider.endpoint where id = any ($1) and state = 'paused'",
    [ids],
  );
  assert.deepEqual(new Set(paused.map(({ id }) => id)), new Set(others));
  assert.match(directory.get(refused)?.problem ?? "", /refuses to pause the endpoint: SQLSTATE P0001: not now/);
});
