/** `postrider adopt` as a person runs it: stopped halfway, in databases that are not whole, after a restore of data alone. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { runShell } from "../docs/shell.ts";
import { CommandProcess, runCommand } from "../support/command.ts";
import { loadData } from "../support/copies.ts";
import { startDaemon } from "../support/daemon.ts";
import { createDatabase, databaseFor, type TestDatabase } from "../support/database.ts";
import { askFor, openSession, rowsOf, type Session, unguarded } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { addEvents, addPastDays } from "../support/pastDays.ts";
import { createLogin } from "../support/roles.ts";
import { OK, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver?.stop());

/** The process of the server that works for the command, and whom it waits for. */
function backend(session: Session): Promise<{ pid: number; blockers: number[] }[]> {
  return rowsOf(
    session,
    `select pid, pg_blocking_pids(pid) as blockers from pg_stat_activity
     where datname = current_database() and application_name = 'postrider/migrate'`,
  );
}

for (const { signal, connections, code, isEnded } of [
  { signal: "SIGINT", connections: 2, code: 1, isEnded: true },
  // No session can end the running statement, so the server notices only when the statement finishes.
  { signal: "SIGTERM", connections: 1, code: 1, isEnded: false },
  { signal: "SIGKILL", connections: 2, code: null, isEnded: false },
] as const) {
  test(`a ${signal} while it waits, with ${connections} connections at most, leaves the database as it was`, async (t) => {
    const database = await createDatabase();
    const login = await createLogin(database, ["postrider_operator"]);
    t.after(() => login.drop().finally(() => database.drop()));
    const { pool, url } = database;
    await pool.query(`alter role ${login.name} connection limit ${connections}`);
    // For as long as it takes: only the signal can end it.
    await pool.query(
      `create function public.wait() returns trigger language plpgsql as $$
       begin perform set_config('lock_timeout', '0', true), pg_advisory_xact_lock(1); return null; end $$;
       create trigger wait before update on postrider.outbox for each statement execute function public.wait()`,
    );
    await pool.query("update postrider.sending set system_identifier = 1, database_oid = 1, home_since = now()");
    const blocker = await openSession(t, url);
    await blocker.query("begin; select pg_advisory_xact_lock(1)");

    const command = new CommandProcess(["adopt"], { env: { DATABASE_URL: login.url } });
    t.after(() => command.end("SIGKILL"));
    await until("it waits", async () => (await backend(pool)).some(({ blockers }) => blockers.length > 0));
    assert.equal((await command.end(signal)).code, code, command.said());
    assert.equal(command.stdout, "");
    if (code === 1) {
      assert.equal(
        command.stderr,
        `PR0021: cannot finish adopting the database: ${signal} came before it was done, and nothing was adopted; run "postrider adopt" again\n`,
      );
    }
    assert.equal((await backend(pool)).length, isEnded ? 0 : 1);
    await blocker.query("commit");
    await until("the server has done with it", async () => (await backend(pool)).length === 0);
    assert.match(
      String(await askFor(pool, "select postrider.copy_problem()")),
      /^daemons have worked in the database /,
    );
    assert.equal(await askFor(pool, "select count(*)::int from postrider.audit where action = 'adopt'"), 0);
  });
}

test("if the row that switches sending is missing, status says so and what to do", async (t) => {
  const { pool, url } = await databaseFor(t);
  await unguarded(pool, "delete from postrider.sending");
  const env = { DATABASE_URL: url };
  const { code, stdout, stderr } = await runCommand(["status"], { env });
  assert.deepEqual([code, stdout], [1, ""]);
  const [, remedy = ""] =
    /^PR0014: cannot tell whether daemons may send .*: postrider\.sending has no row; if they may, run "postrider adopt", which writes it; if not, (.*)\n$/.exec(
      stderr,
    ) ?? [];
  await pool.query(remedy);
  assert.match((await runCommand(["status"], { env })).stdout, /^SENDING IS SWITCHED OFF /);
});

test("data loaded alone as the guide says is complete, and its undelivered events are delivered", async (t) => {
  const [source, copy] = [await databaseFor(t), await databaseFor(t)];
  await addPastDays(source.pool, 2);
  await source.pool.query("select postrider.create_endpoint($1, '{order.*}')", [receiver.url("/data")]);
  await source.pool.query(
    `select postrider.define_event_type('order.paid', json_schema => '{"type": "object"}', enforce => true)`,
  );
  receiver.script("/data", OK);
  const arrived = () => new Set(receiver.requests("/data").map(({ id }) => id));
  await addEvents(source.pool, "order.paid", 6, 3);
  const first = await startDaemon(source.url);
  await until("six are delivered", async () =>
    Boolean(await askFor(source.pool, "select count(*) = 6 from postrider.delivery where state = 'succeeded'")),
  ).finally(() => first.daemon.stop());
  await addEvents(source.pool, "order.paid", 6, 3);

  await copy.pool.query(guideBlock("sql/copies.md", "Data alone", "sql"));
  await dumpAndRestore(t, source, copy);
  assert.deepEqual(await contents(copy.pool), await contents(source.pool));
  const adopted = await runCommand(["adopt", "--json"], { env: { DATABASE_URL: copy.url } });
  assert.equal(adopted.stderr, "");
  const { outcome, events, unclaimed } = JSON.parse(adopted.stdout);
  assert.deepEqual({ outcome, events, unclaimed }, { outcome: "adopted", events: 12, unclaimed: 6 });
  await assert.rejects(
    copy.pool.query("insert into postrider.outbox (event_type, payload) values ('order.paid', '[]')"),
    /order\.paid/,
  );
  const second = await startDaemon(copy.url);
  await until("all have arrived", () => arrived().size === 12).finally(() => second.daemon.stop());
  assert.equal(receiver.requests("/data").length, 12);
});

/** By the guide's commands if this machine has a pg_dump for the server, and otherwise by what stands for them. */
async function dumpAndRestore(t: TestContext, source: TestDatabase, copy: TestDatabase): Promise<void> {
  const commands = guideBlock("sql/copies.md", "Data alone", "sh");
  const server = Number(await askFor(source.pool, "select current_setting('server_version_num')::int / 10000"));
  if (pgDumpMajor() < server) return loadData(source, copy);
  const cwd = mkdtempSync(join(tmpdir(), "postrider-dump-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  await runShell(commands, { OLD_DATABASE_URL: source.url, DATABASE_URL: copy.url }, { cwd });
}

function pgDumpMajor(): number {
  const { stdout } = spawnSync("pg_dump", ["--version"], { encoding: "utf8" });
  return Number(/ (\d+)\./.exec(stdout ?? "")?.[1] ?? 0);
}

/** How many rows each table has, except the audit, which also records what was done to this database. */
async function contents(session: Session): Promise<Record<string, string>[]> {
  return rowsOf(
    session,
    `select c.relname as table,
            (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %s', c.oid::regclass), false, true, '')))[1]::text as rows
     from pg_class c
     where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'audit'
     order by c.relname`,
  );
}
