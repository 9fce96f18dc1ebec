import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { runCommand } from "../support/command.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { createLogin, type Login } from "../support/roles.ts";

const SCHEMA = { type: "object", properties: { order_id: { type: "integer" } }, required: ["order_id"] };

let database: TestDatabase;
let reader: Login;
let directory = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-types-"));
  database = await createDatabase();
  reader = await createLogin(database, ["postrider_reader"]);
});

after(async () => {
  await reader.drop();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await database.pool.query("delete from postrider.event_type");
  await define("order.paid", SCHEMA);
});

function define(name: string, schema: unknown): Promise<unknown> {
  return database.pool.query("select postrider.define_event_type($1, 'It was paid.', $2)", [
    name,
    JSON.stringify(schema),
  ]);
}

function types(...args: readonly string[]) {
  return runCommand(["types", ...args], { env: { DATABASE_URL: reader.url } });
}

test("the types of the catalogue go to stdout, or to a file that is left alone while it is right", async () => {
  const printed = await types();
  assert.deepEqual([printed.code, printed.stderr], [0, ""]);
  assert.match(printed.stdout, /^ {2}\/\*\* It was paid\. \*\/\n {2}"order\.paid": OrderPaid;$/m);
  assert.match(printed.stdout, /^export type OrderPaid = \{\n {2}order_id: number;\n\};$/m);

  const file = join(directory, "events.ts");
  const written = await types("--output", file);
  assert.deepEqual([written.code, written.stdout], [0, `${file} has 1 event type\n`]);
  assert.equal(await readFile(file, "utf8"), printed.stdout);

  const { mtimeNs, ino } = await stat(file, { bigint: true });
  assert.equal((await types("--output", file)).code, 0);
  const later = await stat(file, { bigint: true });
  assert.deepEqual([later.mtimeNs, later.ino], [mtimeNs, ino]);

  await define("order.sent", true);
  assert.equal((await types("--output", file)).stdout, `${file} has 2 event types\n`);
  assert.match(await readFile(file, "utf8"), /"order\.sent": OrderSent;/);
  assert.deepEqual(await readdir(directory), ["events.ts"]);
});

test("a check passes for the same text, whatever its line ends, and fails for another or none, and writes nothing", async () => {
  const file = join(directory, "checked.ts");
  const missing = await types("--check", file);
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(
    missing.stderr,
    /^PR0020: .*checked\.ts is not up to date: there is no such file; run postrider types --output /,
  );

  await writeFile(file, (await types()).stdout.replaceAll("\n", "\r\n"));
  const same = await types("--check", file);
  assert.deepEqual([same.code, same.stderr], [0, ""]);

  await define("order.paid", { ...SCHEMA, required: [] });
  const other = await types("--check", file);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /^PR0020: .* or they have changed; /);
  assert.match(await readFile(file, "utf8"), /order_id: number;\r\n/);
});

test("a file that cannot be read or written is named, and nothing is left beside it", async () => {
  const nowhere = await types("--output", join(directory, "nowhere", "events.ts"));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /^PR0019: cannot write .*events\.ts: ENOENT.*; name another file$/m);
  const unreadable = await types("--check", directory);
  assert.equal(unreadable.code, 1);
  assert.match(unreadable.stderr, /^PR0019: cannot read .*: EISDIR/);
});

test("a database without the schema, and a role that may not read it, are told so", async () => {
  const empty = await createDatabase({ template: "empty" });
  const stranger = await createLogin(database);
  try {
    const without = await runCommand(["types"], { env: { DATABASE_URL: empty.url } });
    assert.deepEqual([without.code, without.stdout], [1, ""]);
    assert.match(without.stderr, /^PR0004: /);
    const refused = await runCommand(["types"], { env: { DATABASE_URL: stranger.url } });
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /^PR0013: /);
  } finally {
    await stranger.drop();
    await empty.drop();
  }
});
