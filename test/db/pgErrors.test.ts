import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { classifyPostgresError, reasonOf } from "../../src/db/pgErrors.ts";
import { useDatabase } from "../support/database.ts";

const database = useDatabase({ template: "empty" });

test("errors that a server raises are sorted by what to do about them", async () => {
  const client = new pg.Client({ connectionString: database.url, query_timeout: 50 });
  await client.connect();
  await assert.rejects(client.query("select pg_sleep(1)"), (thrown) => {
    assert.deepEqual(classifyPostgresError(thrown), { kind: "connection", sqlstate: null });
    return true;
  });
  await client.end();
  const expected = {
    connection: ["08006", "08P01", "25006", "25P03", "26000", "28P01", "3D000", "42P05", "57P01", "57P03", "57P05"],
    transient: ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "58030"],
    lasting: ["22012", "22P05", "23505", "42501", "42P01", "54000", "P0001"],
    bug: ["21000", "25P02", "0A000", "XX000", "P0004"],
  };
  for (const [kind, states] of Object.entries(expected)) {
    for (const state of states) {
      assert.deepEqual(classifyPostgresError(await raised(state)), { kind, sqlstate: state }, state);
    }
  }
});

test("a row that waited while its day got a partition may be tried again; one that a check refuses may not", async () => {
  const thrownBy = (sql: string) =>
    database.pool.query(sql).then(
      () => assert.fail(),
      (thrown: unknown) => thrown,
    );
  await database.pool.query(
    `create table parted (a integer, constraint small check (a < 10)) partition by list (a);
     create table part partition of parted for values in (1)`,
  );
  assert.equal(classifyPostgresError(await thrownBy("insert into part values (2)")).kind, "transient");
  assert.equal(classifyPostgresError(await thrownBy("insert into part values (11)")).kind, "lasting");
});

test("errors of the link are told from bugs", () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });
  const link = [
    ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENOTFOUND", "EAI_AGAIN"].map(coded),
    ...["DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ERR_TLS_CERT_ALTNAME_INVALID"].map(coded),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
    new Error("The server does not support SSL connections"),
    new Error("Client has encountered a connection error and is not queryable"),
    new AggregateError([coded("ECONNREFUSED")]),
    Object.assign(coded("ENOENT"), { syscall: "connect" }),
  ];
  for (const error of link) {
    assert.deepEqual(classifyPostgresError(error), { kind: "connection", sqlstate: null }, String(error));
  }
  for (const error of [new TypeError("x is not a function"), coded("ENOENT"), "a string", null]) {
    assert.deepEqual(classifyPostgresError(error), { kind: "bug", sqlstate: null });
  }
});

test("a message for readers who may not see data repeats none of it", async () => {
  const refused = await database.pool.query("select 'hush'::integer").then(
    () => assert.fail(),
    (thrown: unknown) => thrown,
  );
  assert.match(reasonOf(refused), /^SQLSTATE 22P02: /);
  assert.doesNotMatch(reasonOf(refused), /hush/);
  assert.equal(reasonOf(await raised("42501")), "SQLSTATE 42501: because");
  assert.equal(reasonOf(new Error("Connection terminated")), "Connection terminated");
});

/** The error as it arrives when the server raises that SQLSTATE. */
async function raised(sqlstate: string): Promise<unknown> {
  return database.pool
    .query(`do $$ begin raise exception 'because' using errcode = '${sqlstate}'; end $$`)
    .then(() => null)
    .catch((thrown: unknown) => thrown);
}
