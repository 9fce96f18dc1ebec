import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import pg from "pg";
import { LocalReceiver, type ReceivedRequest } from "../../src/dev/localReceiver.ts";
import { unixMs } from "../../src/ground/clock.ts";
import { type CommandOptions, CommandProcess, eventually, isAlive } from "../support/command.ts";
import { createDatabase } from "../support/database.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";

let directory: string;
const commands: CommandProcess[] = [];
const receivers: LocalReceiver[] = [];

before(async () => {
  directory = await makeServerDirectory("dev");
});

afterEach(async () => {
  for (const command of commands.splice(0)) await command.end("SIGKILL");
  for (const receiver of receivers.splice(0)) await receiver.stop();
});

after(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("a newcomer sees events arrive, sends one to another receiver, and finds everything after a restart", async () => {
  const dataDir = join(directory, "newcomer");
  const first = dev(["--data-dir", dataDir]);
  const url = await ready(first);
  assert.match(first.stdout, /^starting .*\nstarted .*\ninstalled .*\nlistening .*\nDATABASE_URL=.*\nready.*\n/);
  assert.equal(first.stdout.match(/^DATABASE_URL=/gm)?.length, 1);
  assert.equal(first.stdout.match(/^ready/gm)?.length, 1);

  await first.match(/Insert an event yourself[\s\S]*^ {2}postrider publish order\.paid /m);
  assert.equal(first.stdout.match(/^arrived .* verified$/gm)?.length, 5, first.said());
  await first.match(
    /^failed .* order\.shipped .* 503 after \d+ ms from http:\/\/127\.0\.0\.1:\d+ {2}attempt 1, the next in/m,
  );
  const samples = await ask(
    url,
    "select detail, last_http_status, attempts from postrider.delivery_status where event_type ~ '^(order|customer)'",
    (rows) => rows.length === 6 && rows.every(({ detail }) => detail === "succeeded"),
  );
  assert.deepEqual(new Set(samples.map(({ last_http_status }) => last_http_status)), new Set([204]));
  assert.equal(samples.filter(({ attempts }) => attempts === 2).length, 1);
  await first.match(/^delivered .* order\.shipped .* 204 after \d+ ms .* attempt 2$/m);
  assert.ok(!first.stdout.includes("\u001b"), "coloured although it is no terminal");

  await ask(url, "create table orders (id int)");
  const [place] = await ask(
    url,
    "select relnamespace::regnamespace::text as schema, current_user from pg_class where relname = 'orders'",
  );
  assert.deepEqual(place, { schema: "public", current_user: "postgres" });

  const received: ReceivedRequest[] = [];
  const receiver = await receive(received);
  await ask(url, `select * from postrider.create_endpoint('${receiver.url}/mine', '{greeting.*}')`);
  await ask(url, `insert into postrider.outbox (event_type, payload) values ('greeting.sent', '{"n": 1.10}')`);
  await eventually("the event at the receiver", () => received[0]);
  assert.match(received[0]?.body.toString() ?? "", /"data":\{"n": 1\.10\}/);
  await first.match(/arrived .* greeting\.sent .* verified/);
  await ask(
    url,
    `select * from postrider.disable_endpoint((select id from postrider.endpoint where url ~ '/mine$'), 'enough')`,
  );
  await first.match(/^disabled .*: enough$/m);
  await ask(url, "select postrider.enable_endpoint((select id from postrider.endpoint where url ~ '/mine$'))");
  await first.match(/^enabled /m);
  await ask(url, "insert into postrider.outbox (event_type, tenant, payload) values ('greeting.lost', 'acme', '1')");
  await first.match(/^unmatched +greeting\.lost +[0-9a-f-]{36} {2}no endpoint of tenant acme takes it; /m);
  const serverPid = postmasterPid(dataDir);

  assert.deepEqual(await first.end("SIGINT"), { code: 0, signal: null }, first.said());
  assert.match(first.stdout, /^stopping .* have \d+ s to finish; .*\nstopped .*\n$/m);
  assert.equal(first.stderr, "");
  assert.ok(!isAlive(serverPid), "the server still runs");

  const second = dev(["--data-dir", dataDir], { env: { npm_lifecycle_event: "dev", npm_package_name: "shop" } });
  assert.equal(await ready(second), url);
  await second.match(/Insert an event yourself[\s\S]*^ {2}npx postrider publish order\.paid /m);
  // The endpoint that was made by hand would get sample events as well.
  assert.match(second.stdout, /No sample events/);
  const [counts] = await ask(
    url,
    "select count(*)::integer as events, (select count(*)::integer from postrider.endpoint) as endpoints from postrider.outbox",
  );
  assert.deepEqual(counts, { events: 7, endpoints: 3 });
  await ask(url, `insert into postrider.outbox (event_type, payload) values ('greeting.sent', '{"n": 2}')`);
  await eventually("the second event at the receiver", () => received[1]);
  await second.match(/arrived .* greeting\.sent .* verified/);
  assert.deepEqual(await second.end("SIGTERM"), { code: 0, signal: null }, second.said());
});

test("killed without a word it leaves no server behind, and what was pending is delivered at the next start", async () => {
  const dataDir = join(directory, "killed");
  const first = dev(["--data-dir", dataDir]);
  const url = await ready(first);
  await first.match(/Insert an event yourself/);
  const serverPid = postmasterPid(dataDir);
  await first.end("SIGKILL");
  await eventually("the end of the server", () => (isAlive(serverPid) ? undefined : true));

  const second = dev(["--data-dir", dataDir, "--no-demo"]);
  assert.equal(await ready(second), url);
  const demo = await ask(url, "select distinct state, state_reason from postrider.endpoint");
  assert.deepEqual(demo, [{ state: "disabled", state_reason: "the demo is not running" }]);
  assert.deepEqual(await second.end("SIGINT"), { code: 0, signal: null });

  const third = dev(["--data-dir", dataDir]);
  await ready(third);
  await third.match(/Insert an event yourself/);
  // The first one's events may arrive again: it can have been killed before their results were recorded.
  const inserted = [...third.stdout.matchAll(/^inserted .* {2}([0-9a-f-]{36}) {2}/gm)].map(([, id]) => id);
  assert.equal(inserted.length, 5, third.said());
  for (const id of inserted) {
    assert.match(third.stdout, new RegExp(`^arrived .* ${id} .*verified$`, "m"), third.said());
  }
  const rows = await ask(url, "select state, count(*) over ()::integer as count from postrider.endpoint");
  assert.deepEqual(rows, [
    { state: "active", count: 2 },
    { state: "active", count: 2 },
  ]);
});

test("a server that ends unexpectedly ends the command, with the reason", async () => {
  const dataDir = join(directory, "crashed");
  const command = dev(["--data-dir", dataDir, "--no-demo"]);
  await ready(command);
  process.kill(postmasterPid(dataDir), "SIGQUIT");
  assert.deepEqual(await command.ended, { code: 1, signal: null });
  assert.match(command.stderr, /PR0008: cannot continue without the embedded PostgreSQL: it ended unexpectedly/);
});

test("a Ctrl-C that arrives twice, as under npm, counts once; killing npm also ends it", async () => {
  const dataDir = join(directory, "below-npm");
  const program = ["npm", "run", "-s", "postrider", "--"] as const;
  const interrupted = dev(["--data-dir", dataDir, "--no-demo"], { program: [...program] });
  await ready(interrupted);
  const serverPid = postmasterPid(dataDir);
  const pid = await daemonPid(interrupted);
  // What the terminal does, and then npm.
  process.kill(pid, "SIGINT");
  interrupted.child.kill("SIGINT");
  process.kill(pid, "SIGINT");
  await interrupted.ended;
  assert.equal(interrupted.stderr.replace(/^npm .*\n/gm, ""), "");
  await eventually("the end of the server", () => (isAlive(serverPid) ? undefined : true));
  assert.match(readFileSync(join(dataDir, "postgres.log"), "utf8"), /received fast shutdown request/);

  const orphaned = dev(["--data-dir", dataDir, "--no-demo"], { program: [...program] });
  await ready(orphaned);
  const orphan = await daemonPid(orphaned);
  orphaned.child.kill("SIGKILL");
  await eventually("the end of the command", () => (isAlive(orphan) ? undefined : true));
  assert.ok(!existsSync(join(dataDir, "data", "postmaster.pid")), "the server was not stopped cleanly");
});

test("only --database-url names a server to use, and which is said without the password", async () => {
  const database = await createDatabase({ template: "empty" });
  try {
    const command = dev(["--database-url", database.url]);
    assert.equal(await ready(command), database.url);
    await command.match(/Insert an event yourself/);
    assert.match(command.stderr, new RegExp(`^using 127\\.0\\.0\\.1:\\d+, database ${database.name} `));
    assert.ok(!command.stderr.includes(new URL(database.url).password));
    assert.deepEqual(await command.end("SIGINT"), { code: 0, signal: null }, command.said());
    const { rows } = await database.pool.query("select count(*)::integer as daemons from postrider.daemon");
    assert.deepEqual(rows, [{ daemons: 0 }]);
  } finally {
    await database.drop();
  }
});

test("a DATABASE_URL in the environment is left alone, and a line says so", async () => {
  const database = await createDatabase({ template: "empty" });
  try {
    const command = dev(["--data-dir", join(directory, "alone"), "--no-demo"], { env: { DATABASE_URL: database.url } });
    assert.notEqual(new URL(await ready(command)).port, new URL(database.url).port);
    assert.match(command.stderr, /^not using DATABASE_URL: only --database-url URL names a server to use\n$/);
    assert.deepEqual(await command.end("SIGINT"), { code: 0, signal: null }, command.said());
    const { rows } = await database.pool.query("select to_regnamespace('postrider') as schema");
    assert.deepEqual(rows, [{ schema: null }]);
  } finally {
    await database.drop();
  }
});

function dev(args: readonly string[], options: CommandOptions = {}): CommandProcess {
  const command = new CommandProcess(["dev", ...args], options);
  commands.push(command);
  return command;
}

/** The URL that was printed, once the line that follows it was. */
async function ready(command: CommandProcess): Promise<string> {
  const [, url = ""] = await command.match(/^DATABASE_URL=(postgres:\/\/\S+)\nready.*\n/m);
  return url;
}

async function receive(received: ReceivedRequest[]): Promise<LocalReceiver> {
  const receiver = await LocalReceiver.start({
    port: 0,
    secrets: [],
    now: unixMs,
    onRequest: (request) => received.push(request),
  });
  receivers.push(receiver);
  return receiver;
}

/** Asks until the answer is as it should be. */
async function ask(
  url: string,
  sql: string,
  isFine: (rows: readonly Record<string, unknown>[]) => boolean = () => true,
): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await eventually(`the answer to ${sql}`, async () => {
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return isFine(rows) ? rows : undefined;
    });
  } finally {
    await client.end();
  }
}

async function daemonPid(command: CommandProcess): Promise<number> {
  const [daemon] = await ask(await ready(command), "select pid from postrider.daemon", (rows) => rows.length === 1);
  return Number(daemon?.pid);
}

function postmasterPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, "data", "postmaster.pid"), "utf8").split("\n")[0]);
}
