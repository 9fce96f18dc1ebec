/** The command as its users run it: fed through a pipe, or following a file that is written to and rotated. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { schemaFiles } from "../../src/db/sqlFiles.ts";
import { Random } from "../chaos/random.ts";
import { CommandProcess, eventually, runCommand } from "../support/command.ts";
import { createDatabase, databaseFor, type TestDatabase } from "../support/database.ts";
import { askFor, openSession, reset, rowsOf, unguarded } from "../support/engine.ts";
import { LogWriter } from "../support/logWriter.ts";
import { createLogin, type Login } from "../support/roles.ts";

const commands: CommandProcess[] = [];
let database: TestDatabase;
let login: Login;
let directory: string;
let path: string;

before(async () => {
  database = await createDatabase();
  login = await createLogin(database, ["postrider_publisher"]);
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-ingest-"));
  path = join(directory, "app.log");
});

afterEach(async () => {
  for (const command of commands.splice(0)) await command.end("SIGKILL");
  await rm(directory, { recursive: true });
  await reset(database.pool);
});

after(async () => {
  await login.drop();
  await database.drop();
});

/** As if these upgrades were the newest ones, so that those that came since need not be undone. */
async function upgradeAgain(names: readonly string[]): Promise<void> {
  const files = schemaFiles();
  const { length } = files.tables;
  const again = names.map((name, index) => {
    const file = files.tables.find((each) => each.name === name);
    assert.ok(file !== undefined, name);
    return { ...file, version: length + index + 1 };
  });
  const connection = await openConnection({
    config: connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" }),
    purpose: "migrate",
  });
  await migrate(connection, { files: { ...files, tables: [...files.tables, ...again] } });
  await connection.end();
  await unguarded(database.pool, `delete from postrider.schema_migration where version > ${length}`);
}

/** Runs as a role that may only publish. */
function environment(): Record<string, string> {
  return { DATABASE_URL: login.url };
}

function start(args: readonly string[], stdin?: "pipe"): CommandProcess {
  const command = new CommandProcess(["ingest", ...args], {
    env: environment(),
    ...(stdin === undefined ? {} : { stdin }),
  });
  commands.push(command);
  return command;
}

async function pipe(input: string | Buffer, ...args: string[]) {
  const run = await runCommand(["ingest", ...args], { stdin: input, env: environment() });
  return { ...run, refused: refusalsIn(run.stderr) };
}

interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly line_number?: number;
  readonly byte_offset?: number;
  readonly reason?: string;
}

function logOf(stderr: string): LogLine[] {
  return stderr.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
}

function refusalsIn(stderr: string): string[] {
  return logOf(stderr)
    .filter(({ event }) => event === "line.refused")
    .map(({ line_number, byte_offset, reason }) => `${line_number} @${byte_offset} ${reason}`);
}

async function payloads(): Promise<string[]> {
  const rows = await rowsOf<{ payload: string }>(
    database.pool,
    "select payload::text as payload from postrider.outbox order by seq",
  );
  return rows.map(({ payload }) => payload);
}

async function numbers(): Promise<number[]> {
  return (await payloads()).map((payload) => JSON.parse(payload).n);
}

async function eventCount(): Promise<number> {
  return Number(await askFor(database.pool, "select count(*) from postrider.outbox"));
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, n) => n + 1);
}

describe("from standard input", () => {
  test("each line becomes an event, byte for byte", async () => {
    const lines = ['{"b":1, "a":1.10}', '  {"b":1e400,"b":2} ', "42", '"\\u0000"', '{"é":"\u{1f600}"}'];
    const run = await pipe(
      `\ufeff${lines[0]}\r\n\n \t\r\n${lines.slice(1).join("\n")}`,
      "--type",
      "app.log",
      "--tenant",
      "acme",
    );
    assert.deepEqual([run.code, run.stdout, run.refused], [0, "5 lines: 5 events, 0 not matching, 0 refused\n", []]);
    assert.deepEqual(await payloads(), lines);
    const kinds = await rowsOf(database.pool, "select distinct event_type, tenant from postrider.outbox");
    assert.deepEqual(kinds, [{ event_type: "app.log", tenant: "acme" }]);
    assert.deepEqual(await rowsOf(database.pool, "select name from postrider.ingest_position"), []);
  });

  test("bad lines are skipped, counted and named, whatever is wrong with them", async () => {
    const refuse = `create function public.refuse() returns trigger language plpgsql as $$
      begin raise exception 'no such order' using errcode = 'check_violation'; end $$;
      create trigger refuse before insert on postrider.outbox for each row
      when (new.payload::text like '%ghost%') execute function public.refuse()`;
    await database.pool.query(refuse);
    const lines: readonly (string | Buffer)[] = [
      '{"n":1}',
      "Error: password is hunter2\u001b[2J",
      Buffer.from([0x22, 0xff, 0x22]),
      '"a\u0000b"',
      JSON.stringify("x".repeat(1_048_575)),
      '{"n":2}',
      '{"ghost":1}',
      "[".repeat(300_000) + "]".repeat(300_000),
      '{"n":3}',
      '{"ghost":2}',
      '{"n":4',
    ];
    const input = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
    const run = await pipe(input, "--json");
    await database.pool.query("drop function public.refuse cascade");
    assert.equal(run.code, 0, run.stderr);
    const { name: _, ...summary } = JSON.parse(run.stdout);
    assert.deepEqual(summary, { lines: 11, events: 3, unmatched: 0, refused: 8 });
    assert.deepEqual(await numbers(), [1, 2, 3]);
    assert.deepEqual(run.refused, [
      "2 @8 invalid input syntax for type json",
      "3 @39 it is not UTF-8",
      "4 @43 it holds a byte that is zero",
      "5 @49 it has more than 1048576 bytes",
      "7 @1048635 no such order",
      "8 @1048647 stack depth limit exceeded",
      "10 @1648656 no such order",
      "11 @1648668 invalid input syntax for type json",
    ]);
    assert.doesNotMatch(run.stderr, /hunter2/);
  });

  test("--where works like a subscription's filter, and a line that it cannot be applied to is a bad line", async () => {
    const lines = [
      '{"n":1,"level":50}',
      '{"n":2,"level":30}',
      '{"n":3}',
      '{"n":4,"level":60,"x":1e999999}',
      '{"n":5,"level":60,"x":"\\u0000"}',
      '{"n":6,"level":60}',
      "[",
    ];
    const run = await pipe(lines.join("\n"), "--where", "$.level >= 50");
    assert.deepEqual([run.code, run.stdout], [0, "7 lines: 2 events, 2 not matching, 3 refused\n"]);
    assert.deepEqual(await numbers(), [1, 6]);
    assert.deepEqual(run.refused, [
      "4 @46 no filter can be applied to the payload: value overflows numeric format",
      "5 @78 no filter can be applied to the payload: unsupported Unicode escape sequence",
      "7 @129 invalid input syntax for type json",
    ]);
  });

  test("one line is a line", async () => {
    assert.equal((await pipe("{}")).stdout, "1 line: 1 event, 0 not matching, 0 refused\n");
  });

  test("a --where that is not a predicate is a usage error", async () => {
    const found = await Promise.all(["$.level >>", "$.level", "$x > 1"].map((where) => pipe("{}", "--where", where)));
    for (const { code, stderr } of found) {
      assert.equal(code, 2);
      assert.match(stderr, /^PR0001: cannot use --where: .*; write a predicate over the line, such as/);
    }
    assert.deepEqual(await payloads(), []);
  });

  test("a --type missing from the catalogue is refused before a line is read, if unknown types are refused", async (t) => {
    await database.pool.query("select postrider.define_event_type('log.line'), postrider.refuse_unknown_event_types()");
    t.after(() =>
      database.pool.query("select postrider.allow_unknown_event_types(), postrider.drop_event_type('log.line')"),
    );
    const { code, stderr } = await pipe('{"n":1}', "--type", "log.lime");
    assert.equal(code, 2);
    assert.match(stderr, /^PR0001: cannot use --type: the event type "log.lime" is not in the catalogue; /);
    assert.equal((await pipe('{"n":1}')).code, 0);
    assert.deepEqual(await numbers(), [1]);
  });

  test("a line is stored as soon as it is complete, and a stop stores the complete lines", async () => {
    const command = start(["--json"], "pipe");
    command.child.stdin?.write('{"n":1}\n{"n":2}\n{"n":');
    await eventually("both events", async () => ((await numbers()).length === 2 ? true : undefined));
    assert.deepEqual(await command.end(), { code: 0, signal: null }, command.said());
    assert.match(command.stdout, /"lines":2,"events":2,"unmatched":0,"refused":0}/);
  });

  test("nothing is lost or repeated when the connection is cut again and again", async () => {
    const command = start(["--json"], "pipe");
    const count = 40_000;
    command.child.stdin?.end(
      upTo(count)
        .map((n) => `{"n":${n}}\n`)
        .join(""),
    );
    let cuts = 0;
    for (let seen = 0, before = 0; seen < count && command.child.exitCode === null; before = seen) {
      seen = await eventually("more events", async () => {
        const stored = await eventCount();
        return stored > before || command.child.exitCode !== null ? stored : undefined;
      });
      cuts += await cutConnections();
    }
    assert.equal((await command.ended).code, 0, command.said());
    assert.ok(cuts > 0);
    assert.match(command.stdout, new RegExp(`"lines":${count},"events":${count},`));
    assert.deepEqual(await numbers(), upTo(count));
  });

  test("a character missing from the database's encoding costs only its own line", async (t) => {
    const { url } = await databaseFor(t, { encoding: "WIN1252" });
    const lines = upTo(9).map((n) => `{"n":${n},"text":"${n === 6 ? "中" : "é"}"}`);
    const stdin = lines.join("\n");
    const run = await runCommand(["ingest"], { env: { DATABASE_URL: url, POSTRIDER_LOG_LEVEL: "debug" }, stdin });
    assert.equal(run.stdout, "9 lines: 8 events, 0 not matching, 1 refused\n", run.stderr);
    // Only the debug level shows the line.
    assert.match(run.stderr, /"excerpt":"\{\\"n\\":6,\\"text\\":\\"中\\"\}"/);
    assert.match(refusalsIn(run.stderr).join(), /^6 @\d+ character with byte sequence .* has no equivalent/);
  });
});

test("a stop without Postgres ends the command: unread lines of a file are not lost, lines from a pipe are", async (t) => {
  await writeFile(path, "");
  const env = { ...environment(), POSTRIDER_SHUTDOWN_GRACE: "0s" };
  const following = new CommandProcess(["ingest", "--follow", path], { env });
  const reading = new CommandProcess(["ingest"], { env, stdin: "pipe" });
  commands.push(following, reading);
  for (const command of [following, reading]) await command.match(/"event":"ingest\.started"/, "stderr");
  t.after(() => database.pool.query(`alter role ${login.name} login`));
  await database.pool.query(`alter role ${login.name} nologin`);
  await cutConnections();
  await writeFile(path, '{"n":1}\n');
  reading.child.stdin?.write('{"n":2}\n');
  for (const command of [following, reading]) await command.match(/"event":"postgres\.lost"/, "stderr");
  assert.deepEqual(await following.end(), { code: 0, signal: null }, following.said());
  assert.deepEqual(await reading.end(), { code: 1, signal: null }, reading.said());
  assert.match(
    reading.stderr,
    /^PR0017: cannot store all lines that were read: .*; pass the lines that follow them again/m,
  );
});

describe("a followed file", () => {
  test("continues at its position, through files rotated meanwhile, and records that in its row", async () => {
    const first = start(["--follow", path, "--name", "app"]);
    await first.match(/"event":"file\.missing"/, "stderr");
    await writeFile(path, '{"n":1}\n{"n":2}\nno JSON\n{"n":');
    await eventually("two events", async () => ((await numbers()).length === 2 ? true : undefined));
    assert.deepEqual(await first.end("SIGKILL"), { code: null, signal: "SIGKILL" });
    assert.deepEqual(await position(), {
      byte_offset: "24",
      line_number: "3",
      lines: "3",
      events: "2",
      refused: "1",
      path,
    });

    // Two rotations, and an unfinished line at the end of a file that will not be written to again.
    await writeFile(path, '3}\n{"n":4}', { flag: "a" });
    await rename(path, `${path}.2`);
    await writeFile(`${path}.1`, '{"n":5}\n');
    await writeFile(path, '{"n":6}\n');
    const second = start(["--follow", path, "--name", "app"]);
    await eventually("six events", async () => ((await numbers()).length === 6 ? true : undefined));
    assert.deepEqual(await numbers(), upTo(6));
    assert.deepEqual(await second.end(), { code: 0, signal: null }, second.said());
    assert.deepEqual(await position(), {
      byte_offset: "8",
      line_number: "1",
      lines: "7",
      events: "6",
      refused: "1",
      path,
    });
    assert.match(second.stdout, /^4 lines: 4 events/);
  });

  test("that is deleted before it was read to the end is named, and the newer files follow", async () => {
    await writeFile(path, '{"n":1}\n');
    const first = start(["--follow", path]);
    await eventually("an event", async () => ((await numbers()).length === 1 ? true : undefined));
    await first.end();
    await unlink(path);
    await writeFile(`${path}.2.gz`, "");
    await writeFile(`${path}.1`, '{"n":2}\n');
    await writeFile(path, '{"n":3}\n');
    const second = start(["--follow", path]);
    await eventually("three events", async () => ((await numbers()).length === 3 ? true : undefined));
    assert.deepEqual(await numbers(), upTo(3));
    const [lost] = logOf(second.stderr).filter(({ event }) => event === "file.lost");
    assert.deepEqual(
      { ...lost, level: "warn", time: "", version: "", daemon_id: "", path: "" },
      {
        ...{ level: "warn", time: "", version: "", daemon_id: "", event: "file.lost", path: "" },
        ...{ byte_offset: 8, line_number: 1, goes_on_with: "app.log.1", compressed: ["app.log.2.gz"] },
      },
    );
  });

  test("whose position is of a version that knew fewer files continues there", async (t) => {
    const monitor = await createLogin(database);
    t.after(() => monitor.drop());
    await writeFile(path, '{"n":1}\n');
    const first = start(["--follow", path]);
    await eventually("an event", async () => ((await numbers()).length === 1 ? true : undefined));
    await first.end();
    await unguarded(
      database.pool,
      `drop view postrider.ingest_position;
       alter table postrider.ingest rename constraint ingest_pkey to ingest_position_pkey;
       alter table postrider.ingest rename to ingest_position;
       grant usage on schema postrider to ${monitor.name};
       grant select on postrider.ingest_position to ${monitor.name};
       alter table postrider.ingest_position drop column file_born_ns, drop column passed_born_ns, drop column known_files;
       delete from postrider.schema_object where name in ('ingest_position', 'close_ingest')`,
    );
    await upgradeAgain(["0009_ingest_files", "0011_ingest_table"]);
    const positions = "select byte_offset from postrider.ingest_position";
    assert.equal(await askFor(await openSession(t, monitor.url), positions), "8");
    await writeFile(path, '{"n":2}\n', { flag: "a" });
    await rename(path, `${path}.1`);
    await writeFile(path, '{"n":3}\n');
    await rename(path, `${path}.2`);
    await writeFile(path, '{"n":4}\n');
    start(["--follow", path]);
    await eventually("four events", async () => ((await numbers()).length === 4 ? true : undefined));
    assert.deepEqual(await numbers(), upTo(4));
  });

  test("begins at its end if asked to", async () => {
    await writeFile(path, '{"n":-1}\n{"n":0}\n{"n":');
    const command = start(["--follow", path, "--from-end"]);
    await command.match(/"event":"ingest\.started".*"byte_offset":17,"line_number":2/, "stderr");
    await writeFile(path, '1}\n{"n":2}\n', { flag: "a" });
    await eventually("two events", async () => ((await numbers()).length === 2 ? true : undefined));
    assert.deepEqual(await numbers(), [1, 2]);
  });

  test("is followed by one ingest at a time, of one role, for one file", async (t) => {
    const stranger = await createLogin(database, ["postrider_publisher"]);
    t.after(() => stranger.drop());
    await writeFile(path, "");
    const first = start(["--follow", path, "--name", "app"]);
    await first.match(/"event":"ingest\.started"/, "stderr");
    const [second, folder] = await Promise.all([
      pipe("", "--follow", path, "--name", "app"),
      pipe("", "--follow", directory),
    ]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^PR0016: cannot begin the ingest "app": another process has it; /m);
    assert.equal(folder.code, 2);
    assert.match(folder.stderr, /^PR0018: cannot follow .*: it is a directory; /m);
    await first.end();
    const env = { DATABASE_URL: stranger.url };
    const [theirs, other] = await Promise.all([
      runCommand(["ingest", "--follow", path, "--name", "app"], { env }),
      pipe("", "--follow", `${path}.other`, "--name", "app"),
    ]);
    assert.equal(theirs.code, 1);
    assert.match(
      theirs.stderr,
      /^PR0013: .*: the ingest 'app' belongs to the role .*; log in as that role or a member of it, or give the ingest another --name$/m,
    );
    assert.equal(other.code, 1);
    assert.match(other.stderr, /^PR0016: cannot begin the ingest "app": the ingest 'app' reads /m);
  });

  test("lands each line once, in order, through kills, cut connections and rotations of both kinds", async (t) => {
    const seed = process.env.POSTRIDER_INGEST_SEED ?? String(Math.random());
    t.diagnostic(`POSTRIDER_INGEST_SEED=${seed}`);
    const random = new Random(seed);
    const writer = new LogWriter(path);
    t.after(() => writer.close());
    // Files rotated before the first start are not ingested, so start once before writing.
    const first = start(["--follow", path]);
    await first.match(/"event":"ingest\.started"/, "stderr");
    await first.end("SIGKILL");
    let isOver = false;
    const writing = writeAtRandom(writer, random.fork("writer"), () => isOver);
    for (let life = 0; life < LIVES; life++) {
      const command = start(["--follow", path]);
      await command.match(/"event":"ingest\.started"/, "stderr");
      for (let cut = random.integer(0, 2); cut > 0; cut--) {
        await delay(random.integer(0, 200));
        await cutConnections();
      }
      await delay(random.integer(0, 300));
      await command.end("SIGKILL");
    }
    isOver = true;
    await writing;
    const last = start(["--follow", path]);
    await eventually("the last line", async () =>
      Number((await position())?.events) >= writer.written ? true : undefined,
    );
    assert.deepEqual(await last.end(), { code: 0, signal: null }, last.said());
    assert.deepEqual(await numbers(), upTo(writer.written));
    assert.ok(writer.rotations > 0);
  });
});

const LIVES = 3;

async function writeAtRandom(writer: LogWriter, random: Random, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    writer.write(random.integer(1, random.chance(0.1) ? 400 : 20), random.chance(0.2));
    if (random.chance(0.08)) writer.rotate(random.pick(["create", "copytruncate"]));
    await delay(random.integer(0, 20));
  }
  writer.write(1);
}

/** Cuts the connections of the ingests; returns how many. */
async function cutConnections(): Promise<number> {
  const cut = await database.pool.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [
    login.name,
  ]);
  return cut.rowCount ?? 0;
}

async function position(): Promise<Record<string, unknown> | undefined> {
  const [row] = await rowsOf(
    database.pool,
    "select byte_offset, line_number, lines, events, refused, path from postrider.ingest_position",
  );
  return row;
}
