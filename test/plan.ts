/**
 * Which test files run on which PostgreSQL.
 *
 *     newest       all of them
 *     older        the SQL suite, a daemon's way from an empty database to a recorded delivery, and what else depends on
 *                  the server: roles, copies
 *     oldest       also what talks to the server below SQL: connections, migrations, locks, notifications
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
const NAMED_ONLY = ["bench", "binary", "libraries", "scale", "servers"];
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

export interface Run {
  readonly major: Major;
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
}

/** What to run, in order. With paths, exactly these on each server that was asked for. */
export function planRuns({ paths, postgres = NEWEST }: Wish): Run[] {
  return majorsOf(postgres).map((major) => {
    const files = filesAt(paths.length > 0 ? paths : pathsFor(major));
    const packages = new Set(files.map((file) => dirname(file)).filter(hasPackages));
    if (major !== NEWEST) packages.add(SERVERS);
    return { major, files, packages: [...packages] };
  });
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
  if (major === NEWEST) return [];
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
