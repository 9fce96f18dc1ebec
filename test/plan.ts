/**
 * Which test files run on which PostgreSQL.
 *
 *     newest       all of them
 *     oldest       those that use the server of the run
 *     in between   the SQL suite, and a daemon's way from an empty database to a recorded delivery
 *
 * What needs no server, or brings its own, runs once.
 */
import { globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname);
export const MAJORS = [18, 17, 16, 15] as const;
export type Major = (typeof MAJORS)[number];
export const NEWEST = MAJORS[0];
const OLDEST: Major = 15;

const ON_EVERY_MAJOR = ["sql", "db/migrate.test.ts", "docs.test.ts", "e2e/smoke.test.ts"];
/** `postrider dev` brings the newest along, but for one test that gives it a database. */
const ON_NEWEST = ["e2e/dev.test.ts"];
/** Whoever imports this uses the server of the run. */
const SERVER_DOOR = join(ROOT, "support/database.ts");

export interface Run {
  readonly major: Major;
  /** Absolute. */
  readonly files: readonly string[];
}

export interface Wish {
  /** Files and directories; none for all. */
  readonly paths: readonly string[];
  /** Default: for paths the newest, else all. */
  readonly postgres?: Major | "all";
}

/** What is to run, in order. With paths, exactly these on each server that was asked for. */
export function planRuns({ paths, postgres }: Wish): Run[] {
  const wanted = postgres ?? (paths.length > 0 ? NEWEST : "all");
  const majors = MAJORS.filter((major) => wanted === "all" || wanted === major);
  return majors.map((major) => ({
    major,
    files: paths.length > 0 ? filesAt(paths) : filesAt([ROOT]).filter((file) => belongsTo(major, file)),
  }));
}

/** The test files at these paths, by default all of them; below the top directory all but the benchmarks and those of the binary. */
export function filesAt(paths: readonly string[]): string[] {
  return (paths.length > 0 ? paths : [ROOT])
    .map((path) => resolve(path))
    .flatMap((path) => (isDirectory(path) ? testFilesBelow(path) : [path]));
}

function belongsTo(major: Major, file: string): boolean {
  if (major === NEWEST) return true;
  if (major === OLDEST) return usesServer(file) && !isAmong(ON_NEWEST, file);
  return isAmong(ON_EVERY_MAJOR, file);
}

function isAmong(paths: readonly string[], file: string): boolean {
  return paths.map((path) => join(ROOT, path)).some((path) => file === path || file.startsWith(`${path}/`));
}

/** Whether the file or anything of the tests that it imports, at whatever depth, makes databases on the server. */
export function usesServer(file: string, seen = new Set<string>()): boolean {
  if (file === SERVER_DOOR) return true;
  if (seen.has(file) || !file.startsWith(ROOT)) return false;
  seen.add(file);
  const imported = [...readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+\.ts)"/g)];
  return imported.some(([, path = ""]) => usesServer(join(dirname(file), path), seen));
}

function testFilesBelow(directory: string): string[] {
  return globSync("**/*.test.ts", { cwd: directory, exclude: ["bench/**", "binary/**"] })
    .sort()
    .map((file) => join(directory, file));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
