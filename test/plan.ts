/**
 * Which test files run on which PostgreSQL, and which of them start first.
 *
 *     newest       all of them but the THOROUGH ones
 *     older        the SQL suite, a daemon's way from an empty database to a recorded delivery, and what else depends on
 *                  the server: roles, copies
 *     oldest       also what talks to the server below SQL: connections, migrations, locks, notifications
 *
 * In a complete run the newest has all of them, and the older ones have less (ON_BETWEEN, ALIKE).
 *
 * Some directories are left out unless they are named, because each has its own script.
 */
import { existsSync, globSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname);
export const MAJORS = [18, 17, 16, 15] as const;
export type Major = (typeof MAJORS)[number];
export const NEWEST = MAJORS[0];
const OLDEST: Major = 15;

/** Where the older servers are installed. */
export const SERVERS = join(ROOT, "servers");
const NAMED_ONLY = ["bench", "binary", "browser", "libraries", "machines", "manifests", "runtimes", "scale", "servers"];
/** What a change must pass besides, on the newest. */
const COMPLETE = [".", "binary", "browser", "libraries", "machines", "manifests", "runtimes", "bench/peers"];

/**
 * What `npm test` leaves to a complete run. Each takes 8 s of CPU time or more (`npm test -- --cost`), and all of them two
 * thirds of what the newest server's files take: faults over minutes, models of the specification, and what is read among many rows.
 */
export const THOROUGH = [
  ...["bench.test.ts", "console/pages.test.ts", "daemon/claim/windowModel.test.ts", "daemon/wake/listener.test.ts"],
  ...["db/migrate.test.ts", "dev/postgres/server.test.ts", "docs/readme.test.ts", "docs/tour.test.ts"],
  ...["http/differences.test.ts", "ingest/follow.test.ts", "listen/pull.test.ts"],
  ...["check", "migrate", "serverChecks", "status"].map((name) => `cli/${name}.test.ts`),
  ...[
    "auth",
    "batches",
    "chaos",
    "console",
    "copies",
    "delivery",
    "dev",
    "effects",
    "ingest",
    "limits",
    "neighbours",
  ].map((name) => `e2e/${name}.test.ts`),
  ...["operators", "ordered", "outage", "processes", "replay", "roles", "run", "sealing", "shutdown", "takeover"].map(
    (name) => `e2e/${name}.test.ts`,
  ),
  ...["thinEvents", "upgrade", "values"].map((name) => `e2e/${name}.test.ts`),
  ...["eventTypes", "everyPath", "limits", "operators", "ordered", "plans", "replay", "retention", "viewCost"].map(
    (name) => `sql/${name}.test.ts`,
  ),
].map((path) => join(ROOT, path));
const ON_OLDER = ["servers", "sql", "docs.test.ts", "e2e/smoke.test.ts", "e2e/roles.test.ts", "e2e/copies.test.ts"];
const ON_OLDEST = [
  ...ON_OLDER,
  "db",
  "daemon/claim",
  "daemon/wake",
  "cli/adopt.test.ts",
  "cli/migrate.test.ts",
  "publish/publish.test.ts",
];

/**
 * What the servers between the newest and the oldest have in a complete run: that the schema installs there, what its
 * catalogue says, and the way of every event. What such a server has or lacks, the newest or the oldest has or lacks as well, and
 * these two have everything else. `npm run test:servers` leaves nothing out.
 */
const ON_BETWEEN = [
  ...["servers", "docs.test.ts", "e2e/smoke.test.ts"],
  ...["application", "capture", "claim", "comments", "partitions", "privileges", "record", "routing"].map(
    (name) => `sql/${name}.test.ts`,
  ),
  ...["searchPath", "statements"].map((name) => `sql/${name}.test.ts`),
];

/**
 * What no older server has in a complete run, because it depends on what servers have had alike since before the oldest:
 * snapshots, notifications and advisory locks.
 */
const ALIKE = ["daemon/claim/windowModel.test.ts", "daemon/wake"].map((path) => join(ROOT, path));

/**
 * All of them are past, because libfaketime shows a signal handler that interrupts a wait the true time: a PostgreSQL of
 * the future would then wait years for its timeouts, where one of the past lets them all fire with the first.
 */
const MOMENTS = ["2023-12-31T23:59:45Z", "2024-02-28T23:59:45Z", "2024-02-29T23:59:45Z", "2024-03-01T00:20:00Z"];
const ON_OTHER_DATES = ["sql/partitions.test.ts", "sql/retention.test.ts", "e2e/retention.test.ts"];

/**
 * The files that take longest, so that no core idles while the last one ends. Those that wait alternate with those that
 * compute; a file of several servers counts once for each.
 */
const FIRST = [
  "e2e/chaos.test.ts",
  "machines/machines.test.ts",
  "sql/plans.test.ts",
  "e2e/upgrade.test.ts",
  "e2e/effects.test.ts",
  "e2e/outage.test.ts",
  "binary/image.test.ts",
  "sql/eventTypes.test.ts",
  "e2e/neighbours.test.ts",
  "e2e/delivery.test.ts",
  "browser/acts.test.ts",
  "browser/dashboard.test.ts",
  "e2e/values.test.ts",
  "e2e/takeover.test.ts",
  "e2e/roles.test.ts",
  "cli/check.test.ts",
  "cli/migrate.test.ts",
  "dev/postgres/server.test.ts",
  "e2e/processes.test.ts",
  "daemon/claim/windowModel.test.ts",
  "e2e/shutdown.test.ts",
  "sql/replay.test.ts",
  "e2e/lease.test.ts",
  "http/differences.test.ts",
  "binary/binary.test.ts",
  "e2e/copies.test.ts",
  "sql/retention.test.ts",
  "e2e/ingest.test.ts",
  "bench.test.ts",
  "e2e/replay.test.ts",
  "sql/viewCost.test.ts",
  "e2e/dev.test.ts",
  "e2e/run.test.ts",
  "binary/deploy.test.ts",
  "sql/privileges.test.ts",
  "sql/routing.test.ts",
  "daemon/wake",
  "db/migrate.test.ts",
  "docs/tour.test.ts",
  "console/pages.test.ts",
  "bench/peers",
  "listen/pull.test.ts",
  "libraries/types.test.ts",
  "libraries/inbox.test.ts",
  "manifests/kubernetes.test.ts",
  "receive/languages.test.ts",
  "run.test.ts",
  "browser",
  "cli",
  "e2e",
  "db",
  "sql",
].map((path) => join(ROOT, path));

export interface Run {
  readonly major: Major;
  /** If it begins at another date than today: all its files start with it. */
  readonly moment?: string;
  /** Absolute. */
  readonly files: readonly string[];
  /** Directories with packages that the files or the server need and the project does not install. Absolute. */
  readonly packages: readonly string[];
}

export interface Wish {
  /** Files and directories; none for all. */
  readonly paths: readonly string[];
  /** Default: the newest. */
  readonly postgres?: Major | "older" | "all";
  /** `dates`: around midnight at the end of a month, of a year, and of a leap day. `complete`: all that a change must pass. */
  readonly extent?: "dates" | "complete";
}

/** What to run. With paths, exactly these on each server, or at each date, that was asked for. */
export function planRuns({ paths, postgres = NEWEST, extent }: Wish): Run[] {
  if (extent === "complete") {
    const newest = COMPLETE.map((path) => join(ROOT, path));
    return [
      runOn(NEWEST, newest),
      ...planRuns({ paths: [], postgres: "older" }).map(lessOnOlder),
      ...planRuns({ paths: [], extent: "dates" }),
    ];
  }
  if (extent === "dates") {
    const files = paths.length > 0 ? paths : ON_OTHER_DATES.map((path) => join(ROOT, path));
    return MOMENTS.map((moment) => ({ ...runOn(NEWEST, files), moment }));
  }
  return majorsOf(postgres).map((major) => runOn(major, paths.length > 0 ? paths : pathsFor(major)));
}

function lessOnOlder({ files, ...run }: Run): Run {
  const [between, alike] = [filesAt(ON_BETWEEN.map((path) => join(ROOT, path))), filesAt(ALIKE)];
  const isKept = (file: string) => (run.major === OLDEST ? !alike.includes(file) : between.includes(file));
  return { ...run, files: files.filter(isKept) };
}

function runOn(major: Major, paths: readonly string[]): Run {
  const files = filesAt(paths);
  const packages = new Set(files.map((file) => dirname(file)).filter(hasPackages));
  if (major !== NEWEST) packages.add(SERVERS);
  return { major, files, packages: [...packages] };
}

/** The place of a file in the order of starting. */
export function startRank(file: string): number {
  const rank = FIRST.findIndex((path) => file === path || file.startsWith(`${path}/`));
  return rank === -1 ? FIRST.length : rank;
}

function majorsOf(postgres: Major | "older" | "all"): readonly Major[] {
  if (postgres === "all") return MAJORS;
  return postgres === "older" ? MAJORS.filter((major) => major !== NEWEST) : [postgres];
}

/** The test files at these paths, by default all of them; below a directory, without those that must be named. */
export function filesAt(paths: readonly string[]): string[] {
  return (paths.length > 0 ? paths : [ROOT])
    .map((path) => resolve(path))
    .flatMap((path) => (isDirectory(path) ? testFilesBelow(path) : [path]));
}

function pathsFor(major: Major): readonly string[] {
  if (major === NEWEST) return filesAt([]).filter((file) => !THOROUGH.includes(file));
  return (major === OLDEST ? ON_OLDEST : ON_OLDER).map((path) => join(ROOT, path));
}

function testFilesBelow(directory: string): string[] {
  const exclude = [...NAMED_ONLY.map((name) => `${name}/**`), "**/node_modules/**"];
  return globSync("**/*.test.ts", { cwd: directory, exclude })
    .sort()
    .map((file) => join(directory, file));
}

function hasPackages(directory: string): boolean {
  return existsSync(join(directory, "package.json"));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
