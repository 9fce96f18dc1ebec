import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { type TypesFiles, types } from "../../src/cli/types.ts";
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

function written(files: Partial<TypesFiles> = {}): Promise<string> {
  return types({ output: null, check: null, ...files }, { databaseUrl: reader.url });
}

test("the command prints the types of the catalogue, and its check of a file is its exit status", async () => {
  const env = { DATABASE_URL: reader.url };
  const missing = join(directory, "missing.ts");
  const [printed, checked] = await Promise.all([
    runCommand(["types"], { env }),
    runCommand(["types", "--check", missing], { env }),
  ]);
  assert.deepEqual([printed.code, printed.stderr], [0, ""]);
  assert.match(printed.stdout, /^ {2}\/\*\* It was paid\. \*\/\n {2}"order\.paid": OrderPaid;$/m);
  assert.match(printed.stdout, /^export type OrderPaid = \{\n {2}order_id: number;\n\};\n$/m);
  assert.deepEqual([checked.code, checked.stdout], [1, ""]);
  assert.equal(
    checked.stderr,
    `PR0020: ${missing} is not up to date: there is no such file; run postrider types --output ${missing}\n`,
  );
});

test("a file is written if it differs, and left alone if it does not", async () => {
  const path = join(directory, "events.ts");
  assert.equal(await written({ output: path }), `${path} has 1 event type\n`);
  assert.equal(await readFile(path, "utf8"), await written());

  const before = await stat(path, { bigint: true });
  await written({ output: path });
  const later = await stat(path, { bigint: true });
  assert.deepEqual([later.mtimeNs, later.ino], [before.mtimeNs, before.ino]);

  await define("order.sent", true);
  assert.equal(await written({ output: path }), `${path} has 2 event types\n`);
  assert.match(await readFile(path, "utf8"), /"order\.sent": OrderSent;/);
  assert.deepEqual(await readdir(directory), ["events.ts"]);
});

test("a check passes for the same text with any line endings, fails for another, and writes nothing", async () => {
  const path = join(directory, "checked.ts");
  await writeFile(path, (await written()).replaceAll("\n", "\r\n"));
  assert.equal(await written({ check: path }), `${path} is up to date with 1 event type\n`);

  await define("order.paid", { ...SCHEMA, required: [] });
  await assert.rejects(written({ check: path }), /^PostriderError: PR0020: .* or they have changed; /);
  assert.match(await readFile(path, "utf8"), /order_id: number;\r\n/);
});

test("a file that cannot be read or written is named, and nothing is left beside it", async () => {
  const path = join(directory, "folder");
  await mkdir(join(path, "inside"), { recursive: true });
  await assert.rejects(written({ check: path }), /PR0019: cannot read .*folder: EISDIR/);
  const nowhere = join(directory, "nowhere", "events.ts");
  await assert.rejects(written({ output: nowhere }), /PR0019: cannot write .*: ENOENT.*; name another file$/);
  assert.ok(!(await readdir(directory)).some((name) => name.endsWith(".tmp")));
});

test("a database without the schema, and a role that may not read it, are refused with the reason", async () => {
  const empty = await createDatabase({ template: "empty" });
  const stranger = await createLogin(database);
  try {
    await assert.rejects(types({ output: null, check: null }, { databaseUrl: empty.url }), /PR0004: /);
    await assert.rejects(types({ output: null, check: null }, { databaseUrl: stranger.url }), /PR0013: /);
  } finally {
    await stranger.drop();
    await empty.drop();
  }
});
