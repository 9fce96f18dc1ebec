/** The functions that keep the position of an ingest, called as its sessions call them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import { askFor, openSession, reset, rowsOf, type Session } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

interface Opening {
  readonly run?: string;
  readonly name?: string;
  readonly path?: string | null;
  readonly resume?: boolean;
}

async function open(
  session: Session,
  { run = randomUUID(), name = "app", path = "/app.log", resume = false }: Opening = {},
): Promise<string> {
  return String(
    await askFor(session, "select outcome from postrider_internal.open_ingest($1, $2, $3, $4, null, 'log.line')", [
      name,
      path,
      run,
      resume,
    ]),
  );
}

interface Stored {
  readonly outcome: string;
  readonly events: number | null;
  readonly unmatched: number | null;
  readonly refused: readonly number[] | null;
}

async function store(
  session: Session,
  run: string,
  batch: number,
  lines: readonly string[],
  filter: string | null = null,
  known: string | null = null,
): Promise<Stored | undefined> {
  const [row] = await rowsOf<Stored>(
    session,
    `select outcome, events, unmatched, refused
     from postrider_internal.store_lines('app', $1, $2, 'log.line', '', $3, $4, 0, '1:2', 2, 3, 'abc', $2::bigint * 10, $2::bigint, 1, $5)`,
    [run, batch, filter, lines.length === 0 ? null : lines.join("\n"), known],
  );
  return row;
}

async function stored(): Promise<string[]> {
  const rows = await rowsOf<{ payload: string }>(
    database.pool,
    "select payload::text as payload from postrider.outbox order by seq",
  );
  return rows.map(({ payload }) => payload);
}

test("a batch that is sent again is not stored again, and gets the same answer", async (t) => {
  const session = await openSession(t, database.url);
  const run = randomUUID();
  await open(session, { run });
  const lines = ['{"n":1}', "no JSON", '{"n":2}', '{"m":2}'];
  const answer = { events: 2, unmatched: 1, refused: [2] };
  assert.deepEqual(await store(session, run, 1, lines, "$.n > 0"), { outcome: "stored", ...answer });
  assert.deepEqual(await store(session, run, 1, lines, "$.n > 0"), { outcome: "repeated", ...answer });
  assert.deepEqual(await stored(), ['{"n":1}', '{"n":2}']);
  const counts = "select lines, events, unmatched, refused, byte_offset from postrider.ingest_position";
  const row = { lines: "4", events: "2", unmatched: "1", refused: "1", byte_offset: "10" };
  assert.deepEqual(await rowsOf(session, counts), [row]);
  assert.equal((await store(session, run, 3, lines))?.outcome, "displaced");
});

test("of two runs the later one continues, and the displaced one stores nothing", async (t) => {
  const [first, second] = [await openSession(t, database.url), await openSession(t, database.url)];
  const [one, other] = [randomUUID(), randomUUID()];
  assert.equal(await open(first, { run: one }), "new");
  assert.equal(await open(second, { run: other }), "busy");
  assert.equal((await store(first, one, 1, ["1"]))?.outcome, "stored");
  await first.query("select pg_advisory_unlock_all()");
  assert.equal(await open(second, { run: other }), "known");
  assert.equal((await store(first, one, 2, ["2"]))?.outcome, "displaced");
  assert.equal((await store(first, one, 1, ["2"]))?.outcome, "displaced");
  assert.equal((await store(second, other, 1, ["3"]))?.outcome, "stored");
  await second.query("select pg_advisory_unlock_all()");
  assert.equal(await open(first, { run: one, resume: true }), "displaced");
  assert.deepEqual(await stored(), ["1", "3"]);
});

test("what is known of other files is kept until a batch says something else", async (t) => {
  const session = await openSession(t, database.url);
  const run = randomUUID();
  await open(session, { run });
  const known = `select known_files from postrider.ingest_position`;
  assert.deepEqual(await askFor(session, known), []);
  await store(session, run, 1, ["1"], null, '[{"bytes":1}]');
  await store(session, run, 2, ["2"]);
  assert.deepEqual(await askFor(session, known), [{ bytes: 1 }]);
  await store(session, run, 2, ["2"], null, "[]");
  assert.deepEqual(await askFor(session, known), [{ bytes: 1 }], "a batch that is sent again changes nothing");
});

test("who may not continue an ingest, or not for this file, leaves it free and its row unlocked", async (t) => {
  const login = await createLogin(database, ["postrider_publisher"]);
  t.after(() => login.drop());
  const [owner, stranger] = [await openSession(t, database.url), await openSession(t, login.url)];
  const run = randomUUID();
  await open(owner, { run });
  await owner.query("select pg_advisory_unlock_all()");
  await assert.rejects(open(stranger), /the ingest 'app' belongs to the role/);
  await assert.rejects(open(stranger, { run, resume: true }), /the ingest 'app' belongs to the role/);
  assert.equal(await open(stranger, { name: "other" }), "new");
  await assert.rejects(open(owner, { name: "app", path: "/other.log" }), /the ingest 'app' reads '\/app.log'/);
  assert.equal(await open(owner, { resume: true }), "displaced");
  const holders = `select count(*)::integer from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())`;
  assert.equal(await askFor(owner, holders), 1, "that of the stranger's ingest");
  await stranger.query("begin");
  await stranger.query("savepoint s");
  await assert.rejects(store(stranger, randomUUID(), 1, ["1"]), /the ingest 'app' belongs to the role/);
  await stranger.query("rollback to s");
  await assert.rejects(open(stranger), /the ingest 'app' belongs to the role/);
  await owner.query("set lock_timeout = '1s'");
  assert.equal(await open(owner, { run }), "known");
  assert.equal((await store(owner, run, 1, ["1"]))?.outcome, "stored");
});

test("a publisher sees the ingests that it may continue, and readers and operators see all", async (t) => {
  const one = await createLogin(database, ["postrider_publisher"]);
  t.after(() => one.drop());
  const other = await createLogin(database, ["postrider_publisher"]);
  const member = await createLogin(database, ["postrider_publisher", one.name]);
  const reader = await createLogin(database, ["postrider_reader"]);
  const operator = await createLogin(database, ["postrider_operator"]);
  const sessionOf = async ({ url }: { readonly url: string }) => openSession(t, url);
  await open(await sessionOf(one), { name: "of one" });
  const session = await sessionOf(other);
  await open(session, { name: "of other" });
  await open(await sessionOf(database), { name: "of the owner" });
  const seenBy = async (login: { readonly url: string }) => namesOf(await sessionOf(login));
  assert.deepEqual(await seenBy(one), ["of one"]);
  assert.deepEqual(await seenBy(member), ["of one"]);
  assert.deepEqual(await seenBy(other), ["of other"]);
  for (const login of [reader, operator, database]) {
    assert.deepEqual(await seenBy(login), ["of one", "of other", "of the owner"]);
  }
  await session.query(`create function pg_temp.tell(name text) returns boolean language plpgsql cost 0.0001 as $$
    begin raise notice '%', name; return true; end $$`);
  const told: (string | undefined)[] = [];
  session.on("notice", ({ message }) => told.push(message));
  await session.query("select name from postrider.ingest_position where pg_temp.tell(name)");
  assert.deepEqual(told, ["of other"], "a condition sees no more than the result");
  for (const login of [member, reader, operator, other]) await login.drop();
  assert.deepEqual(await seenBy(one), ["of one", "of other"], "a role that was dropped excludes no one");
});

async function namesOf(session: Session): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(session, "select name from postrider.ingest_position order by name");
  return rows.map(({ name }) => name);
}

test("a filter that compares two paths is applied line by line, with the same guard as a subscription's filter", async (t) => {
  const session = await openSession(t, database.url);
  const run = randomUUID();
  await open(session, { run });
  const long = JSON.stringify({ a: Array.from({ length: 3_000 }, (_, n) => n), b: 1 });
  const answer = await store(session, run, 1, ['{"a":1,"b":1}', long, '{"a":1,"b":2}'], "$.a == $.b");
  assert.deepEqual(answer, { outcome: "stored", events: 1, unmatched: 1, refused: [2] });
});

test("an operator can forget an ingest that is not running, and the audit keeps its row", async (t) => {
  const session = await openSession(t, database.url);
  await open(session);
  const forget = "select postrider.forget_ingest('app')";
  await assert.rejects(database.pool.query(forget), /the ingest 'app' is running/);
  await session.query("select pg_advisory_unlock_all()");
  await database.pool.query(forget);
  await assert.rejects(database.pool.query(forget), /there is no ingest 'app'/);
  assert.deepEqual(await rowsOf(session, "select action, detail ->> 'path' as path from postrider.audit"), [
    { action: "forget_ingest", path: "/app.log" },
  ]);
});

test("the row of a killed run that read standard input is deleted after a day, unless a session holds it", async (t) => {
  const [running, starting] = [await openSession(t, database.url), await openSession(t, database.url)];
  await open(running, { name: "runs", path: null });
  for (const name of ["killed", "young"]) {
    const session = await openSession(t, database.url);
    await open(session, { name, path: null });
    await session.query("select pg_advisory_unlock_all()");
  }
  await open(starting, { name: "file" });
  await database.pool.query("update postrider.ingest set updated_at = now() - interval '2 days' where name <> 'young'");
  await open(starting, { name: "another" });
  assert.deepEqual(await namesOf(starting), ["another", "file", "runs", "young"]);
});
