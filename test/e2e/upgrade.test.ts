/**
 * A release and made-up successors, each a program of its own, at one database while events flow: what
 * deploy/upgrading.md tells an operator to do, and what it says of daemons of two releases.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { bundle } from "../../build.ts";
import { type SchemaFiles, schemaFiles } from "../../src/db/sqlFiles.ts";
import { type CommandOptions, CommandProcess, runCommand } from "../support/command.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, openSession, rowsOf } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

interface Release {
  readonly version: string;
  readonly program: readonly [string, string];
}

const KEYS = 5;
/** Between two transactions of the application. */
const FLOW_PAUSE_MS = 40;
/** A dozen commands start one after the other, each of which a busy machine may take seconds for. */
const TIMEOUT_MS = 400_000;
const ENDPOINTS = [
  { path: "/plain", options: {}, requests: 1 },
  // Each event comes from the queue the second time.
  { path: "/failing", options: { retry_schedule: ["1 s"] }, requests: 2 },
  { path: "/ordered", options: { ordered: true }, requests: 1 },
] as const;

let directory: string;
let released: Release;
let next: Release;
let breaking: Release;
let receiver: ScriptedReceiver;
let database: TestDatabase;
let application: Login;
let courier: Login;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-upgrade-"));
  const schema = schemaFiles();
  const schemaOfNext = successorOf(schema);
  released = await makeRelease("0.9.0", schema);
  next = await makeRelease("0.10.0", schemaOfNext);
  breaking = await makeRelease("0.11.0", withUpgrade(schemaOfNext, BREAKING));
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  receiver = await ScriptedReceiver.start();
  database = await createDatabase({ template: "empty" });
  application = await createLogin(database);
  courier = await createLogin(database);
});
afterEach(async () => {
  await application.drop();
  await courier.drop();
  await database.drop();
  await receiver.stop();
});

async function makeRelease(version: string, schema: SchemaFiles): Promise<Release> {
  const { outfile } = await bundle({ outfile: join(directory, version, "postrider.mjs"), version, schema });
  return { version, program: [process.execPath, outfile] };
}

const TABLES = `-- What a release may do to tables.
-- locks: postrider.endpoint, for a moment
-- breaking: no

alter table postrider.endpoint add column of_next_release text;
comment on column postrider.endpoint.of_next_release is 'Of the next release.';
`;

const INDEX = `-- And to an index, without a lock.
-- locks: nothing
-- breaking: no
-- transaction: none

drop index concurrently if exists postrider.endpoint_of_next_release;

create index concurrently endpoint_of_next_release on postrider.endpoint (of_next_release);
`;

const BREAKING = `-- Daemons that do not know this file must stop.
-- locks: postrider.endpoint, for a moment
-- breaking: yes

alter table postrider.endpoint drop column of_next_release;
`;

/** With other tables, and with another text of each function and view: the most that a release can replace. */
function successorOf(schema: SchemaFiles): SchemaFiles {
  const functions = schema.functions.map(({ name, text }) => ({ name, text: `-- Of the next release.\n${text}` }));
  return [TABLES, INDEX].reduce(withUpgrade, { ...schema, functions });
}

function withUpgrade(schema: SchemaFiles, text: string): SchemaFiles {
  const version = schema.tables.length + 1;
  return { ...schema, tables: [...schema.tables, { version, name: `${version}_made_up`, text }] };
}

test("daemons of two releases deliver side by side, on the way up and on the way back, and nothing is lost or sent twice", {
  timeout: TIMEOUT_MS,
}, async (t) => {
  await install(released);
  const flow = startFlow(t);
  const [first, second] = [await startDaemon(t, released), await startDaemon(t, released)];
  await deliver(first, second);

  const refused = await runCommand(["run"], asCourier(next));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^PR0004: .*needs version \d+; run "postrider migrate"/);
  assert.equal((await runCommand(["migrate", "--check"], asOwner(next))).code, 1);
  const printed = await runCommand(["migrate", "--print"], asOwner(next));
  assert.match(printed.stdout, /-- It locks: postrider\.endpoint, for a moment\n/);

  const migrated = await runCommand(["migrate"], asOwner(next));
  assert.equal(migrated.code, 0, migrated.stderr);
  assert.match(
    migrated.stdout,
    /^applied \d+_made_up in \d+ ms\napplied \d+_made_up in \d+ ms\ninstalled \d{3} functions/,
  );
  await deliver(first, second);

  const third = await startDaemon(t, next);
  await deliver(first, second, third);
  const { stdout: shown } = await runCommand(["status"], asOwner(next));
  const live = [...shown.matchAll(/^ *live +(\S+)/gm)].map(([, version]) => version);
  assert.deepEqual(live.sort(), [next.version, released.version, released.version], shown);
  await stop(first);
  const fourth = await startDaemon(t, next);
  await stop(second);
  await deliver(third, fourth);
  assert.deepEqual(await versions(), [next.version, next.version]);

  // Back: the program of before works with the schema as it is, and leaves it alone.
  const fifth = await startDaemon(t, released);
  await stop(third);
  await deliver(fourth, fifth);
  const left = await runCommand(["migrate"], asOwner(released));
  assert.deepEqual([left.code, left.stderr], [0, ""]);
  assert.match(
    left.stdout,
    new RegExp(`^nothing to do: the schema is at version ${schemaFiles().tables.length + 2}\n`),
  );
  assert.equal((await runCommand(["migrate", "--check"], asOwner(next))).stdout, "the schema is up to date\n");
  await stop(fourth);
  await deliver(fifth);
  assert.deepEqual(await versions(), [released.version]);

  await assertDeliveredOnce(await flow.stop());
});

test("a breaking step stops the daemons of the release before; inserts go on, and what waits is delivered by the new ones", {
  timeout: TIMEOUT_MS,
}, async (t) => {
  await install(next);
  const flow = startFlow(t);
  const daemons = [await startDaemon(t, next), await startDaemon(t, next)];
  await deliver(...daemons);

  const migrated = await runCommand(["migrate"], asOwner(breaking));
  assert.equal(migrated.code, 0, migrated.stderr);
  for (const { command } of daemons) {
    assert.deepEqual(await command.ended, { code: 1, signal: null }, command.said());
    assert.match(command.stderr, /^PR0005: .*must not touch; upgrade this program \(it is 0\.10\.0\)/m);
  }
  assert.deepEqual(await versions(), []);
  const refused = await runCommand(["run"], asCourier(next));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^PR0005: /);
  const before = flow.count;
  await until("inserts go on", () => flow.count >= before + 20);

  const newer = await startDaemon(t, breaking);
  await deliver(newer);
  await assertDeliveredOnce(await flow.stop());
});

async function install(release: Release): Promise<void> {
  const migrated = await runCommand(["migrate"], asOwner(release));
  assert.equal(migrated.code, 0, migrated.stderr);
  await database.pool.query(
    `grant postrider_publisher to ${application.name}; grant postrider_daemon to ${courier.name}`,
  );
  for (const { path, options } of ENDPOINTS) {
    const secret = await askFor(database.pool, "select secret from postrider.create_endpoint($1, '{*}', '', $2)", [
      receiver.url(path),
      JSON.stringify(options),
    ]);
    receiver.verify(path, String(secret));
  }
  receiver.script("/failing", ({ nth }) => (nth === 1 ? status(500) : OK));
}

interface RunningDaemon {
  readonly id: string;
  readonly command: CommandProcess;
}

/** Resolves once `postrider health --ready` says so, which is when the guide lets an operator stop the next one. */
async function startDaemon(t: TestContext, release: Release): Promise<RunningDaemon> {
  const options = asCourier(release);
  const command = new CommandProcess(["run"], options);
  t.after(() => command.end("SIGKILL"));
  const [, address = ""] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  const [, id = ""] = await command.match(/"event":"daemon\.started","id":"([^"]+)"/);
  await until("the daemon is ready", async () => {
    const env = { ...options.env, POSTRIDER_HTTP_LISTEN: address };
    return (await runCommand(["health", "--ready"], { ...options, env })).stdout === "ready\n";
  });
  return { id, command };
}

async function stop({ command }: RunningDaemon): Promise<void> {
  assert.deepEqual(await command.end("SIGTERM"), { code: 0, signal: null }, command.said());
}

/** Resolves when each of the daemons, and no other one, has delivered an event from after now. */
async function deliver(...daemons: readonly RunningDaemon[]): Promise<void> {
  const now = await askFor(database.pool, "select clock_timestamp()");
  const ids = daemons.map(({ id }) => id).sort();
  let seen: readonly string[] = [];
  await until(`${ids} deliver`, async () => {
    const rows = await rowsOf<{ id: string }>(
      database.pool,
      "select distinct daemon_id as id from postrider.attempt where started_at > $1 and http_status = 200",
      [now],
    );
    seen = rows.map(({ id }) => id).sort();
    return ids.every((id) => seen.includes(id));
  });
  assert.deepEqual(seen, ids);
}

async function versions(): Promise<readonly string[]> {
  const rows = await rowsOf<{ version: string }>(database.pool, "select version from postrider.daemon_status");
  return rows.map(({ version }) => version).sort();
}

interface Flow {
  readonly count: number;
  /** Resolves with the ids of all events, in the order of their commits. */
  stop(): Promise<readonly string[]>;
}

/** An application that commits one event after the other. */
function startFlow(t: TestContext): Flow {
  const ids: string[] = [];
  const ending = new AbortController();
  const flow = (async () => {
    const session = await openSession(t, application.url);
    while (!ending.signal.aborted) {
      const key = `key-${ids.length % KEYS}`;
      const id = await askFor(
        session,
        "insert into postrider.outbox (event_type, payload, ordering_key) values ('order.paid', $1, $2) returning id",
        [JSON.stringify({ number: ids.length }), key],
      );
      ids.push(String(id));
      await pause(FLOW_PAUSE_MS);
    }
  })();
  const stop = async () => {
    ending.abort();
    await flow;
    return ids;
  };
  // The test may have failed because of it, or before it was stopped.
  t.after(() => stop().catch(() => {}));
  return {
    get count() {
      return ids.length;
    },
    stop,
  };
}

async function assertDeliveredOnce(ids: readonly string[]): Promise<void> {
  await until("everything is recorded", async () => {
    const succeeded = await askFor(
      database.pool,
      "select count(*) from postrider.delivery_status where state = 'succeeded'",
    );
    return Number(succeeded) === ids.length * ENDPOINTS.length;
  });
  for (const { path, requests } of ENDPOINTS) {
    const received = receiver.requests(path);
    assert.deepEqual(new Set(received.map(({ verification }) => verification)), new Set(["verified"]));
    assert.deepEqual(receiver.accepted(path), new Set(ids), path);
    assert.equal(received.length, ids.length * requests, `${path}: nothing was sent twice`);
  }
  const arrived = receiver.requests("/ordered").map(({ id }) => ids.indexOf(id));
  for (let key = 0; key < KEYS; key++) {
    const ofKey = arrived.filter((number) => number % KEYS === key);
    assert.deepEqual(
      ofKey,
      ofKey.toSorted((one, other) => one - other),
      `the order of key ${key}`,
    );
  }
}

function asOwner({ program }: Release): CommandOptions {
  return { program, env: { DATABASE_URL: database.url } };
}

function asCourier({ program }: Release): CommandOptions {
  const egress = { POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" };
  return { program, env: { DATABASE_URL: courier.url, POSTRIDER_HTTP_LISTEN: "127.0.0.1:0", ...egress } };
}
