/**
 * The whole way without a superuser, on a server new to Postrider. A database owner who may not create roles installs it,
 * and a DBA creates the roles that it prints. Application, operator and daemon log in as members of one role each.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type pg from "pg";
import { CommandProcess, runCommand } from "../support/command.ts";
import { openPool } from "../support/database.ts";
import { askFor, insertEvent, rowsOf } from "../support/engine.ts";
import { ROLES } from "../support/roles.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { startAnotherServer, type TestServer } from "../support/testServer.ts";
import { until } from "../support/until.ts";

const OWNER = "shop_owner";
const MISSING = ROLES.map((role) => `create role postrider_${role} nologin;`);
/** Far longer than the test, so that only notifications wake the daemon. */
const NO_POLL = { POSTRIDER_POLL_INTERVAL: "1h", POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" };

let server: TestServer;
let receiver: ScriptedReceiver;
let dba: pg.Pool;
const pools: pg.Pool[] = [];

before(async () => {
  server = await startAnotherServer({ database: "shop" });
  receiver = await ScriptedReceiver.start();
  dba = poolAs(server.url);
  await dba.query(`create role ${OWNER} login password 'test' nosuperuser nocreaterole nocreatedb`);
  await dba.query(`alter database shop owner to ${OWNER}`);
});

after(async () => {
  for (const pool of pools) await pool.end();
  await receiver.stop();
  await server.stop();
});

function urlAs(role: string, database = "shop"): string {
  const url = new URL(server.url);
  url.username = role;
  url.password = "test";
  url.pathname = `/${database}`;
  return url.href;
}

function poolAs(url: string): pg.Pool {
  const pool = openPool({ connectionString: url, max: 2 });
  pools.push(pool);
  return pool;
}

describe("an owner who may not create roles", () => {
  test("installs the schema, and is told what a DBA must run", async () => {
    const { code, stdout, stderr } = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs(OWNER) } });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^the schema is at version \d+$/m);
    assert.match(stdout, /some roles are missing, and this role may not create them.*A DBA can run:$/m);
    assert.deepEqual(
      stdout.split("\n").flatMap((line) => (line.startsWith("  ") ? [line.trim()] : [])),
      MISSING,
    );
    assert.match(stdout, /as the owner of the schema again: postrider migrate\n$/);
  });

  test("is told again as long as the roles are missing", async () => {
    const { code, stdout } = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs(OWNER) } });
    assert.equal(code, 0);
    assert.match(stdout, /^nothing to do: /);
    for (const statement of MISSING) assert.ok(stdout.includes(statement), statement);
  });

  test("grants the roles their rights once they exist, and then has nothing more to do", async () => {
    await dba.query(MISSING.join("\n"));
    const { code, stdout } = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs(OWNER) } });
    assert.equal(code, 0);
    const granted = ROLES.map((role) => `postrider_${role}`).join(", ");
    assert.ok(stdout.split("\n").includes(`granted ${granted} their privileges`), stdout);
    const again = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs(OWNER) } });
    assert.match(again.stdout, /^nothing to do: the schema is at version \d+\n$/);
  });

  test("does not even need to own the database: owning the schema is enough", async () => {
    await dba.query("create database other");
    const other = poolAs(new URL("/other", server.url).href);
    await other.query(
      `create schema postrider authorization ${OWNER}; create schema postrider_internal authorization ${OWNER}`,
    );
    const { code, stdout, stderr } = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs(OWNER, "other") } });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.doesNotMatch(stdout, /missing/);
    assert.equal(
      await askFor(other, "select has_table_privilege('postrider_operator', 'postrider.outbox', 'select')"),
      true,
    );
  });
});

test("an owner who may create roles creates them, and grants to those that already exist", async () => {
  await dba.query("create role shop_admin login password 'test' createrole");
  await dba.query("create database third owner shop_admin");
  await dba.query("alter role postrider_reader rename to kept_reader");
  try {
    const { code, stdout } = await runCommand(["migrate"], { env: { DATABASE_URL: urlAs("shop_admin", "third") } });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /missing/);
    const third = poolAs(new URL("/third", server.url).href);
    const rows = await rowsOf(
      third,
      `select r as role, has_schema_privilege(r, 'postrider', 'usage') as granted,
              shobj_description(r::regrole, 'pg_authid') is not null as described
       from unnest(array['postrider_publisher', 'postrider_reader']) r`,
    );
    assert.deepEqual(rows, [
      { role: "postrider_publisher", granted: true, described: false },
      { role: "postrider_reader", granted: true, described: true },
    ]);
    await third.query("drop owned by postrider_reader; drop role postrider_reader");
  } finally {
    await dba.query("alter role kept_reader rename to postrider_reader");
  }
});

describe("members of one role each", () => {
  let app: pg.Pool;
  let operator: pg.Pool;
  const daemons: CommandProcess[] = [];

  before(async () => {
    for (const [login, role] of [
      ["app", "publisher"],
      ["carol", "operator"],
      ["worker", "daemon"],
    ]) {
      await dba.query(`create role ${login} login password 'test' in role postrider_${role}`);
    }
    app = poolAs(urlAs("app"));
    operator = poolAs(urlAs("carol"));
  });

  after(async () => {
    for (const daemon of daemons) await daemon.end("SIGKILL");
  });

  async function startDaemon(): Promise<CommandProcess> {
    const daemon = new CommandProcess(["run"], { env: { DATABASE_URL: urlAs("worker"), ...NO_POLL } });
    daemons.push(daemon);
    await daemon.match(/"event":"daemon\.started"/);
    return daemon;
  }

  async function createEndpoint(path: string, eventType: string): Promise<string> {
    const [made] = await rowsOf<{ endpoint_id: string; secret: string }>(
      operator,
      "select endpoint_id, secret from postrider.create_endpoint($1, array[$2], '', $3)",
      [receiver.url(path), eventType, JSON.stringify({ retry_schedule: ["10 ms"], timeout_ms: 120_000 })],
    );
    receiver.verify(path, made?.secret ?? "");
    return made?.endpoint_id ?? "";
  }

  async function succeeded(event: string, attempts: number): Promise<void> {
    await until("the delivery is recorded", async () => {
      const rows = await rowsOf<{ state: string; attempts: number }>(
        operator,
        "select state, attempts from postrider.delivery_status where event_id = $1",
        [event],
      );
      return rows.length === 1 && rows[0]?.state === "succeeded" && rows[0].attempts === attempts;
    });
  }

  test("deliver: the daemon claims, signs, retries, records, sleeps and is woken", async () => {
    const daemon = await startDaemon();
    await createEndpoint("/one", "first.*");
    receiver.script("/one", ({ nth }) => (nth === 1 ? status(500) : OK));
    const event = await insertEvent(app, "first.event");
    await receiver.got("/one", 2);
    await succeeded(event, 2);
    assert.ok(receiver.requests("/one").every(({ verification }) => verification === "verified"));

    await until("the daemon sleeps", async () => {
      const gate =
        "select count(*)::integer from pg_locks where locktype = 'advisory' and objid = 2 and mode = 'ExclusiveLock'";
      return (await askFor(dba, gate)) === 1;
    });
    receiver.script("/one", OK);
    await succeeded(await insertEvent(app, "first.event"), 1);

    assert.deepEqual(await daemon.end(), { code: 0, signal: null }, daemon.said());
    assert.doesNotMatch(daemon.stdout, /"level":"(warn|error)"(?!.*attempt)/, daemon.said());
    assert.doesNotMatch(daemon.stdout, /permission denied/);
    assert.deepEqual(await rowsOf(dba, "select id from postrider.daemon"), []);
  });

  test("take over the work that one of them had in hand when it was killed", async () => {
    const killed = await startDaemon();
    const endpoint = await createEndpoint("/two", "second.*");
    receiver.script("/two", { kind: "hang" });
    const event = await insertEvent(app, "second.event");
    await receiver.got("/two", 1);
    await killed.end("SIGKILL");
    receiver.script("/two", OK);
    // A lease lasts 15 s.
    await dba.query("update postrider.daemon set lease_expires_at = now() - interval '1 s'");
    const successor = await startDaemon();
    await successor.match(/"event":"claims\.taken_over"/);
    await succeeded(event, 1);

    // The daemon disables an endpoint that answers 410.
    receiver.script("/two", status(410));
    await insertEvent(app, "second.event");
    await until("the endpoint is disabled", async () => {
      return (await askFor(operator, "select state from postrider.endpoint where id = $1", [endpoint])) === "disabled";
    });
    assert.equal(
      await askFor(operator, "select actor from postrider.audit where endpoint_id = $1 order by at desc limit 1", [
        endpoint,
      ]),
      "worker",
    );
    assert.deepEqual(await successor.end(), { code: 0, signal: null }, successor.said());
    assert.doesNotMatch(successor.stdout, /permission denied/);
  });

  test("create the partitions of the days ahead, which then belong to the owner of the others", async () => {
    const partitions = `select c.relname, c.relowner::regrole::text as owner from pg_class c
      where c.relnamespace = 'postrider'::regnamespace and c.relname ~ '^(outbox|delivery|other_attempt)_[0-9]{8}$'`;
    const last = String(await askFor(dba, `select max(right(relname, 8)) from (${partitions}) p`));
    await dba.query(`drop table postrider.outbox_${last}, postrider.delivery_${last}, postrider.other_attempt_${last}`);
    const daemon = await startDaemon();
    await daemon.match(new RegExp(`"event":"partition\\.made".*other_attempt_${last}`));
    assert.deepEqual(await daemon.end(), { code: 0, signal: null }, daemon.said());
    const rows = await rowsOf<{ relname: string; owner: string }>(dba, partitions);
    assert.ok(rows.some(({ relname }) => relname === `outbox_${last}`));
    assert.deepEqual(new Set(rows.map(({ owner }) => owner)), new Set([OWNER]));
    assert.equal(typeof (await insertEvent(app, "third.event")), "string");
  });

  test("cannot do more than their role allows, and are told which role is needed", async () => {
    for (const login of ["app", "carol"]) {
      const { code, stderr } = await runCommand(["run"], { env: { DATABASE_URL: urlAs(login) } });
      assert.equal(code, 1);
      assert.match(stderr, /^PR0013: .*permission denied for .*"grant postrider_daemon to" that role\n$/);
    }
    const { code, stderr } = await runCommand(["status"], { env: { DATABASE_URL: urlAs("app") } });
    assert.equal(code, 1);
    assert.match(stderr, /^PR0013: .*permission denied for .*"grant postrider_reader to" that role\n$/);
  });
});
