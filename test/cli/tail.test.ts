/** `postrider tail`, as a person runs it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import type { RecentAttempt } from "../../src/db/recentAttempts.ts";
import { CommandProcess, runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { createEndpoint, insertEvent } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";
import { ScriptedReceiver, status } from "../support/scriptedReceiver.ts";

/** Every character that a terminal may act on, except the text's own line ends. */
const COMMANDS = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const database = useDatabase();

function startTail(t: TestContext, args: readonly string[], url = database.url): CommandProcess {
  const tail = new CommandProcess(["tail", ...args], { env: { DATABASE_URL: url } });
  t.after(() => tail.end("SIGKILL"));
  return tail;
}

async function startReceiver(t: TestContext): Promise<ScriptedReceiver> {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  return receiver;
}

function attemptsIn({ stdout }: CommandProcess): readonly RecentAttempt[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("attempts are shown as they are recorded, with what became of the delivery, and each once", async (t) => {
  const receiver = await startReceiver(t);
  const { pool } = database;
  await createEndpoint(pool, ["shown.*"], { url: receiver.url("/fine"), options: { name: "fine" } });
  await createEndpoint(pool, ["shown.bad"], {
    url: receiver.url("/flaky?token=hidden"),
    options: { name: "flaky", retry_schedule: ["100 ms"] },
  });
  receiver.script("/flaky?token=hidden", status(503));
  const reader = await createLogin(database, ["postrider_reader"]);
  t.after(() => reader.drop());
  const before = await insertEvent(pool, "shown.before");
  await receiver.got("/fine", 1);
  const tail = startTail(t, [], reader.url);
  await tail.match(
    new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}delivered +shown\\.before +${before} {2}200 after \\d+ ms {2}fine\\n`),
  );

  const bad = await insertEvent(pool, "shown.bad");
  await tail.match(new RegExp(` failed +shown\\.bad +${bad} {2}503 after .* flaky {2}attempt 1(, the next in .*)?\\n`));
  await tail.match(new RegExp(` exhausted +shown\\.bad +${bad} {2}503 after .* flaky {2}attempt 2, the last one\\n`));
  await tail.match(new RegExp(` delivered +shown\\.bad +${bad} `));
  const good = await insertEvent(pool, "shown.good");
  await tail.match(new RegExp(` delivered +shown\\.good +${good} `));
  const { code } = await tail.end("SIGINT");
  assert.equal(code, 0, tail.said());
  assert.equal(tail.stdout.trim().split("\n").length, 5, tail.stdout);
  assert.doesNotMatch(tail.stdout, /hidden/);
});

test("--type, --endpoint and --failed choose, and --json prints one attempt a line", async (t) => {
  const receiver = await startReceiver(t);
  const { pool } = database;
  const one = await createEndpoint(pool, ["chosen.*"], { url: receiver.url("/one"), options: { name: "chosen-one" } });
  // No retry comes before everything is looked at.
  const retrySeldom = { retry_schedule: ["1 hour"] };
  await createEndpoint(pool, ["chosen.*"], { url: receiver.url("/two"), options: retrySeldom });
  receiver.script("/two", status(500));
  const byType = startTail(t, ["--type", "chosen.a.*", "--json"]);
  const byName = startTail(t, ["--endpoint", "chosen-one", "--json"]);
  const failed = startTail(t, ["--failed", "--type", "chosen.*", "--json"]);
  await insertEvent(pool, "chosen.a.x", { payload: '{"secret": "of the payload"}' });
  await insertEvent(pool, "chosen.b");
  for (const [tail, count] of [
    [byType, 2],
    [byName, 2],
    [failed, 2],
  ] as const) {
    await tail.match(new RegExp(`^(.*\\n){${count}}$`));
    assert.equal((await tail.end("SIGTERM")).code, 0, tail.said());
    assert.doesNotMatch(tail.stdout, /of the payload/);
  }
  assert.deepEqual(new Set(attemptsIn(byType).map(({ event_type }) => event_type)), new Set(["chosen.a.x"]));
  assert.deepEqual(new Set(attemptsIn(byName).map(({ endpoint_id }) => endpoint_id)), new Set([one]));
  assert.deepEqual(
    attemptsIn(failed).map(({ http_status, failure_kind, state, next_attempt_at }) => [
      ...[http_status, failure_kind, state],
      typeof next_attempt_at,
    ]),
    [
      [500, "status", "pending", "string"],
      [500, "status", "pending", "string"],
    ],
  );
});

test("an endpoint that is not there is refused with the near miss", async () => {
  await createEndpoint(database.pool, ["none.*"], { options: { name: "billing" } });
  const run = await runCommand(["tail", "--endpoint", "biling"], { env: { DATABASE_URL: database.url } });
  assert.deepEqual([run.code, run.stdout], [2, ""]);
  assert.match(
    run.stderr,
    /^PR0001: cannot use --endpoint: no endpoint has the name or the id "biling"; did you mean "billing"\? /,
  );
});

test("it waits while Postgres is away, and shows what was recorded meanwhile", async (t) => {
  const { pool } = database;
  const { name, url, drop } = await createLogin(database, ["postrider_reader"]);
  t.after(drop);
  const tail = startTail(t, ["--json", "--type", "away.*"], url);
  await attempt("away.before");
  await tail.match(/away\.before/);
  await pool.query(`alter role ${name} connection limit 0`);
  await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [name]);
  await tail.match(/^waiting for Postgres: .*\n/, "stderr");
  await attempt("away.after");
  await pool.query(`alter role ${name} connection limit -1`);
  await tail.match(/away\.after/);
  assert.match(tail.stderr, /^waiting for Postgres: .*\nPostgres is back\n$/);
  await tail.end("SIGTERM");
});

test("nothing that is shown is a command to the terminal", async (t) => {
  const hostile = "\u001b]0;owned\u0007\u009b31m\u202e";
  const tails = [startTail(t, ["--type", "hostile.*"]), startTail(t, ["--type", "hostile.*", "--json"])];
  await attempt("hostile.error", hostile);
  for (const tail of tails) {
    await tail.match(/hostile\.error.*\n/);
    assert.doesNotMatch(tail.stdout, COMMANDS);
  }
});

/** A failed attempt of a new event, as a daemon would record it. */
async function attempt(eventType: string, error = "it did not answer"): Promise<void> {
  const { pool } = database;
  const id = await insertEvent(pool, eventType);
  await pool.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
     values ($1, $2, $2, $2, now(), 1, 5, 'timeout', $3)`,
    [id, randomUUID(), error],
  );
}
