/** What `postrider check` says of the server, each on a server or a database where it is so. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { runCommand } from "../support/command.ts";
import { createDatabase, createDatabaseOf, databaseFor, type TestDatabase } from "../support/database.ts";
import { addPastDays } from "../support/pastDays.ts";
import { createLogin } from "../support/roles.ts";
import { startAnotherServer, type TestServer } from "../support/testServer.ts";
import { TransactionPooler } from "../support/transactionPooler.ts";

/** Everything about a server that check warns of, and slots, which belong to the whole of it. */
const CARELESS = {
  autovacuum: "off",
  track_counts: "off",
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "logical",
  max_connections: "20",
  timezone: "Asia/Kathmandu",
};

let server: TestServer;
let careless: TestDatabase;

before(async () => {
  server = await startAnotherServer({ settings: CARELESS });
  careless = await createDatabaseOf(server.url, "template0");
  assert.equal((await runCommand(["migrate"], { env: { DATABASE_URL: careless.url } })).code, 0);
});

after(async () => {
  await careless.drop();
  await server.stop();
});

interface Line {
  readonly name: string;
  readonly state: string;
  readonly found: string;
  readonly remedy: string | null;
}

/** What one check says. */
async function said(name: string, databaseUrl: string, env: Readonly<Record<string, string>> = {}): Promise<Line> {
  return (await allSaid(databaseUrl, env))(name);
}

/** What each check says. None of these is a fault, so the exit status is 0. */
async function allSaid(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<(name: string) => Line> {
  const { code, stdout, stderr } = await runCommand(["check", "--json"], {
    env: { ...env, DATABASE_URL: databaseUrl },
  });
  assert.equal(code, 0, stdout + stderr);
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Line[] };
  return (name) => checks.find((line) => line.name === name) ?? assert.fail(`there is no check ${name}`);
}

function assertWarns({ state, found, remedy }: Line, says: RegExp, todo: RegExp): void {
  assert.equal(state, "warning", found);
  assert.match(found, says);
  assert.match(remedy ?? "", todo);
}

test("settings of a server that lose events or let tables grow are warnings, each with what to do", async () => {
  const saidOf = await allSaid(careless.url);
  const { state, found, remedy } = saidOf("durability");
  assert.equal(state, "warning");
  for (const setting of ["fsync", "full_page_writes", "synchronous_commit"]) {
    assert.match(found, new RegExp(`(^|; )${setting} is off: `));
    assert.match(remedy ?? "", new RegExp(`set ${setting} = on`));
  }
  assertWarns(saidOf("vacuum"), /^autovacuum is off.*; track_counts is off/, /set autovacuum = on/);
  assert.match(saidOf("clock").found, /days begin at midnight UTC, whatever .*\(Asia\/Kathmandu\)$/);
  assert.equal(saidOf("wal").state, "ok");
});

test("a replication slot that is inactive is a warning, with what it keeps", async () => {
  await careless.pool.query("select pg_create_physical_replication_slot('forgotten', true)");
  const found =
    /the replication slot forgotten, which is inactive, keeps \d+ MB of WAL on the disk, and nothing limits it$/;
  assertWarns(await said("wal", careless.url), found, /pg_drop_replication_slot\('forgotten'\)/);
  await careless.pool.query("select pg_drop_replication_slot('forgotten')");
});

test("a table without autovacuum and a sequence with a cache are warnings", async (t) => {
  const { url, pool } = await databaseFor(t);
  await pool.query("alter table postrider.endpoint set (autovacuum_enabled = false)");
  await pool.query("alter sequence postrider.outbox_seq_seq cache 20");
  const saidOf = await allSaid(url);
  const reset = /alter table postrider\.endpoint reset \(autovacuum_enabled\)$/;
  assertWarns(saidOf("vacuum"), /switched off for 1 table, such as postrider\.endpoint$/, reset);
  assertWarns(saidOf("sequence"), /has a cache of 20: ordered/, /alter sequence postrider\.outbox_seq_seq cache 1/);
});

test("limits of connections are a warning if a daemon would not have its own", async (t) => {
  const database = await createDatabase();
  const { url, name, drop } = await createLogin(database, ["postrider_daemon"]);
  t.after(() => drop().finally(() => database.drop()));
  await database.pool.query(`alter role ${pg.escapeIdentifier(name)} connection limit 7`);
  const few = new RegExp(`^the role ${name} allows 7 connections, and these settings use up to 8$`);
  assertWarns(await said("connections", url), few, /^raise the limit of the role/);
  await database.pool.query(`alter role ${pg.escapeIdentifier(name)} connection limit 8`);
  assert.match((await said("connections", url)).found, /^these settings use up to 8 connections, and there is room$/);
  const four = await said("connections", url, { POSTRIDER_PROCESSES: "4", POSTRIDER_HTTP_LISTEN: "127.0.0.1:8427" });
  assertWarns(four, /allows 8 connections, and these settings use up to 34$/, /fewer daemons/);
  const three = await said("connections", url, {
    POSTRIDER_API_DATABASE_URL: database.url,
    POSTRIDER_API_LISTEN: "127.0.0.1:8429",
    POSTRIDER_PORTAL_LISTEN: "127.0.0.1:8430",
  });
  assert.match(three.found, /^these settings use up to 16 connections, and there is room$/);
});

test("connections that are all in use are a warning", async () => {
  const others = await Promise.all(Array.from({ length: 14 }, () => connected(careless.url)));
  try {
    const found = /^1\d of the 17 connections that the server allows are open, so another daemon would poll$/;
    assertWarns(await said("connections", careless.url), found, /raise the limit of the server/);
  } finally {
    await Promise.all(others.map((client) => client.end()));
  }
});

test("a transaction pooler is a warning, unless a direct connection is set that leads somewhere", async (t) => {
  const { url } = await databaseFor(t);
  const pooler = await TransactionPooler.start({ serverUrl: url, size: 2 });
  t.after(() => pooler.stop());
  assertWarns(
    await said("pooler", pooler.url),
    /^DATABASE_URL leads through a transaction pooler/,
    /POSTRIDER_LISTEN_URL/,
  );
  assert.equal((await said("pooler", pooler.url, { POSTRIDER_LISTEN_URL: url })).state, "ok");
  const pooled = await said("pooler", pooler.url, { POSTRIDER_LISTEN_URL: pooler.url });
  assertWarns(pooled, /^POSTRIDER_LISTEN_URL leads through a transaction pooler, too$/, /direct/);
  const away = await said("pooler", pooler.url, { POSTRIDER_LISTEN_URL: "postgres://u:s3cret@127.0.0.1:1/none" });
  assertWarns(away, /^POSTRIDER_LISTEN_URL cannot be used, so daemons poll/, /direct/);
  assert.doesNotMatch(away.found, /s3cret/);
});

test("what lies in default partitions, and what retention has not removed, are warnings", async (t) => {
  const { url, pool } = await databaseFor(t);
  await addPastDays(pool, 40);
  const insertDaysAgo = (days: number) =>
    pool.query(
      `insert into postrider.outbox (id, event_type, payload)
       select postrider.uuid_v7_floor(now() - $1 * interval '1 day' + interval '1 second'), 'order.paid', '1'`,
      [days],
    );
  await insertDaysAgo(20);
  assert.match((await said("disk", url)).found, /; 30 days like the largest take \d+ MB$/);
  await insertDaysAgo(40);
  // Beyond the partitions that there are.
  await insertDaysAgo(400);
  const line = await said("disk", url);
  assertWarns(line, /default partitions, such as postrider\.outbox_default; /, /postrider\.maintain\(\)/);
  assertWarns(line, /; \d{8} is still there, although events are kept for 30 days$/, /what_holds_back_retention\.sql/);
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
