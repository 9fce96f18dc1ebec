import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connectionConfig, openConnection } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { classifyPostgresError, StandbyError } from "../../src/db/pgErrors.ts";
import { Sockets } from "../../src/db/sockets.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import { useDatabase } from "../support/database.ts";
import { startFakePostgres } from "../support/fakePostgres.ts";

/** Nothing listens on this port, and no test can be given it, unlike a port that was just closed. */
const CLOSED_PORT = 1;

const database = useDatabase({ template: "empty" });

test("a standby is refused with an error that makes a daemon wait and retry", async (t) => {
  const url = await fakeServer(t, { version: "17.4", number: 170_004, recovery: true });
  const config = connectionConfig({ databaseUrl: url, applicationName: "postrider-test" });
  await assert.rejects(openConnection({ config, purpose: "control" }), /PR0007.*standby.*primary/);
  const pool = new Database({ config, max: 1, purpose: "pipeline" });
  t.after(() => pool.end());
  await assert.rejects(pool.query("select 1"), (thrown) => {
    assert.ok(thrown instanceof StandbyError);
    assert.deepEqual(classifyPostgresError(thrown), { kind: "connection", sqlstate: null });
    return true;
  });
});

test("a server before PostgreSQL 15 is refused for good", async (t) => {
  const url = await fakeServer(t, { version: "14.19", number: 140_019, recovery: false });
  const config = connectionConfig({ databaseUrl: url, applicationName: "postrider-test" });
  await assert.rejects(openConnection({ config, purpose: "control" }), (thrown) => {
    assert.ok(thrown instanceof PostriderError);
    assert.match(thrown.message, /PR0007.*it is PostgreSQL 14\.19; use PostgreSQL 15 or later/);
    assert.equal(classifyPostgresError(thrown).kind, "lasting");
    return true;
  });
});

test("the error for an unreachable server names it but not the password", async () => {
  const databaseUrl = `postgres://anna:hush@127.0.0.1:${CLOSED_PORT}/shop`;
  const message = await connectMessage({ databaseUrl, applicationName: "postrider-test" });
  assert.match(
    message,
    new RegExp(`PR0003: cannot connect to Postgres: 127\\.0\\.0\\.1:${CLOSED_PORT}, database "shop", user "anna"`),
  );
  assert.match(message, /ECONNREFUSED.*; look whether the server runs there/);
  assert.doesNotMatch(message, /hush/);
});

test("the error for a database that does not exist says what to do", async () => {
  const url = new URL(database.url);
  url.pathname = "/no_such_database";
  const message = await connectMessage({ databaseUrl: url.href, applicationName: "postrider-test" });
  assert.match(message, /does not exist; create the database/);
});

test("the error for an unreadable URL does not repeat it", () => {
  for (const databaseUrl of [
    "mysql://anna:hush@host/shop",
    "anna:hush@host/shop",
    "postgres://anna:hush@host:port/shop",
  ]) {
    assert.throws(
      () => connectionConfig({ databaseUrl, applicationName: "postrider-test" }),
      (thrown) => {
        assert.ok(thrown instanceof PostriderError);
        assert.equal(thrown.exitStatus, 2);
        assert.match(thrown.message, /PR0002: cannot read DATABASE_URL/);
        assert.doesNotMatch(thrown.message, /hush/);
        return true;
      },
    );
  }
});

test("a failed connection leaves no socket behind", async () => {
  const sockets = new Sockets();
  const databaseUrl = `postgres://anna@127.0.0.1:${CLOSED_PORT}/shop`;
  const config = sockets.through(connectionConfig({ databaseUrl, applicationName: "postrider-test" }));
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(openConnection({ config, purpose: "wake" }), /PR0003/);
  }
  // A cut connection without an error handler would end the process.
  assert.equal(sockets.openCount, 0);
  sockets.cut();
});

async function connectMessage(options: ConnectionOptions): Promise<string> {
  const work = openConnection({ config: connectionConfig(options), purpose: "control" });
  const outcome = await work.then(
    () => "it connected",
    (thrown: unknown) => thrown,
  );
  assert.ok(outcome instanceof PostriderError, String(outcome));
  return outcome.message;
}

async function fakeServer(
  t: TestContext,
  { version, number, recovery }: { version: string; number: number; recovery: boolean },
): Promise<string> {
  const server = await startFakePostgres([
    { name: "server_version", type: 25, value: version },
    { name: "version_number", type: 23, value: String(number) },
    { name: "in_recovery", type: 16, value: recovery ? "t" : "f" },
    { name: "read_only", type: 16, value: "f" },
  ]);
  t.after(() => server.stop());
  return server.url;
}
