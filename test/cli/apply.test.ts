import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runShell } from "../docs/shell.ts";
import { runCommand } from "../support/command.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { createLogin, type Login } from "../support/roles.ts";

let database: TestDatabase;
let operator: Login;
let directory = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-apply-"));
  database = await createDatabase();
  operator = await createLogin(database, ["postrider_operator"]);
});

after(async () => {
  await operator.drop();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function apply(args: readonly string[], stdin: string | Buffer = "") {
  return runCommand(["apply", ...args], { env: { DATABASE_URL: operator.url }, stdin });
}

test("the guide's file is applied as the guide says", async (t) => {
  await database.pool.query(`
    select postrider.create_endpoint('https://billing.example.com/hooks', options => '{"name": "billing"}');
    select postrider.create_endpoint('https://crm.example.com/hooks', options => '{"name": "old-crm"}')`);
  t.after(() => database.pool.query("delete from postrider.endpoint; delete from postrider.event_type"));
  await writeFile(
    join(directory, "postrider.yaml"),
    guideBlock("src/apply/README.md", "Endpoints from a file", "yaml"),
  );
  const env = { DATABASE_URL: operator.url, BILLING_AUTHORIZATION: "Bearer s3cret" };
  const printed = await runShell(guideBlock("src/apply/README.md", "Endpoints from a file", "sh"), env, {
    cwd: directory,
  });
  const expected = guideBlock("src/apply/README.md", "Endpoints from a file", "text");
  assert.equal(printed, expected.replace(/^applied/m, "would be applied") + expected);
  const statement = /^ +! its secret .*: (select .*) makes one and returns it$/m.exec(printed)?.[1] ?? "";
  assert.match(String(await askFor(database.pool, statement)), /^whsec_/);
});

test("the exit status says whether it failed, and with --check whether anything would change", async () => {
  const file = "event_types: [{name: order.paid}]";
  const path = join(directory, "types.yaml");
  await writeFile(path, file);
  const first = await apply(["-", "--check"], file);
  assert.deepEqual([first.code, first.stdout], [1, "+ event type order.paid\nwould be applied: 1 created\n"]);
  const dry = await apply([path, "--dry-run", "--json"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.deepEqual(JSON.parse(dry.stdout), {
    outcome: "would be applied",
    changes: [{ subject: "event type order.paid", part: null, after: "order.paid", note: null }],
    left_alone: { endpoints: 0, event_types: 0 },
  });
  const done = await apply([path]);
  assert.deepEqual([done.code, done.stdout], [0, "+ event type order.paid\napplied: 1 created\n"]);
  const again = await apply([path, "--check"]);
  assert.deepEqual([again.code, again.stdout], [0, `nothing to change: all is as ${path} says\n`]);
  const other = await apply(["-"], "unknown_event_types: allowed");
  assert.equal(
    other.stdout,
    "nothing to change: all is as standard input says\nleft alone, because the file does not mention them: 1 other event type\n",
  );
});

test("faults go to stderr with their places, and a file that cannot be read is named", async () => {
  const faulty = await apply(["-"], "event_types: [{name: 'order paid'}, {nam: a}]");
  assert.deepEqual([faulty.code, faulty.stdout], [1, ""]);
  assert.match(
    faulty.stderr,
    /^PR0024: cannot apply standard input: line 1, column 15: .*\n(PR0024: .*line 1, column 3\d: .*\n){2}$/,
  );
  const missing = await apply([join(directory, "missing.yaml")]);
  assert.match(missing.stderr, /^PR0019: cannot read \S+missing\.yaml: ENOENT/);
  const binary = await apply(["-"], Buffer.from([0xff, 0xfe, 0x00]));
  assert.match(binary.stderr, /^PR0019: cannot read standard input: it is not UTF-8; /);
  assert.equal(binary.code, 1);
  const large = await apply(["-"], Buffer.alloc(32 * 1_048_576 + 1, " "));
  assert.match(large.stderr, /^PR0019: cannot read standard input: it has more than 33554432 bytes; /);
});

test("a role that may only look is told which role may apply", async (t) => {
  const reader = await createLogin(database, ["postrider_reader"]);
  t.after(() => reader.drop());
  const { code, stderr } = await runCommand(["apply", "-"], {
    ...{ env: { DATABASE_URL: reader.url }, stdin: "event_types: []" },
  });
  assert.equal(code, 1);
  assert.match(stderr, /^PR0013: .* permission denied .*"grant postrider_operator to" that role\n$/);
});
