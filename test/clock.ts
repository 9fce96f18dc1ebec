/**
 * `npm run test:clock [-- file | directory …]`: the tests that depend on the date, each time as if the run began shortly
 * before or after midnight at the end of a month, of a year, and around a leap day. The tests, their daemons and the
 * server all get the shifted clock, from libfaketime; where that is not installed, nothing is shown.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { PLATFORM_PACKAGE } from "../src/dev/postgres/binaries.ts";
import { NEWEST_PARENT_VARIABLE } from "./support/testServer.ts";

/**
 * A run takes longer than the seconds until midnight. All of them are past, because libfaketime shows a signal handler
 * that interrupts a wait the true time: a PostgreSQL of the future would then wait years for its timeouts, where one of
 * the past lets them all fire with the first.
 */
const MOMENTS = ["2023-12-31T23:59:45Z", "2024-02-28T23:59:45Z", "2024-02-29T23:59:45Z", "2024-03-01T00:20:00Z"];
const FILES = ["sql/partitions.test.ts", "sql/retention.test.ts", "e2e/retention.test.ts"];
const LIBRARIES = "/usr/lib/{,*/}faketime/libfaketime.so.1";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

async function main(paths: readonly string[]): Promise<number> {
  const [library] = globSync(LIBRARIES);
  if (library === undefined) {
    console.log("libfaketime is not installed (apt-get install libfaketime): the tests were not run at other times");
    return 0;
  }
  const files = paths.length > 0 ? paths : FILES.map((file) => join(import.meta.dirname, file));
  const counts = await Promise.all(MOMENTS.map((moment) => runAt(moment, library, files)));
  const sum = (count: keyof Counts) => counts.reduce((total, each) => total + each[count], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}

async function runAt(moment: string, library: string, files: readonly string[]): Promise<Counts> {
  const clock = {
    LD_PRELOAD: library,
    FAKETIME: `${Math.round((Date.parse(moment) - Date.now()) / 1_000)}`,
    // Timeouts are measured by this one.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  const directory = await mkdtemp(join(tmpdir(), "postrider-clock-"));
  try {
    await shiftServer(directory, clock);
    const run = spawn(process.execPath, [join(import.meta.dirname, "run.ts"), ...files], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...clock, [NEWEST_PARENT_VARIABLE]: directory },
    });
    let output = "";
    run.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const [code] = await once(run, "close");
    console.log(`from ${moment} on\n${output}`);
    return countsOf(output, code);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** By the runner's last line; a run that ends without one has failed. */
function countsOf(output: string, code: number | null): Counts {
  const [, passed = "0", failed = "0"] =
    /^(\d+) passed, (\d+) failed$/.exec(output.trimEnd().split("\n").at(-1) ?? "") ?? [];
  return { passed: Number(passed), failed: code === 0 ? Number(failed) : Math.max(1, Number(failed)) };
}

/** Makes a package of the server whose program is a script: an embedded server inherits no environment. */
async function shiftServer(directory: string, clock: Readonly<Record<string, string>>): Promise<void> {
  const original = resolve(dirname(createRequire(import.meta.url).resolve(PLATFORM_PACKAGE)), "..");
  const shifted = join(directory, "node_modules", PLATFORM_PACKAGE);
  await mkdir(join(shifted, "native/bin"), { recursive: true });
  for (const file of ["package.json", "dist"]) await cp(join(original, file), join(shifted, file), { recursive: true });
  for (const file of ["lib", "share", "pg-symlinks.json", "bin/initdb"]) {
    await symlink(join(original, "native", file), join(shifted, "native", file));
  }
  const settings = Object.entries(clock).map(([name, value]) => `${name}='${value}'`);
  const program = join(shifted, "native/bin/postgres");
  await writeFile(
    program,
    `#!/bin/sh\nexport ${settings.join(" ")}\nexec '${join(original, "native/bin/postgres")}' "$@"\n`,
  );
  await chmod(program, 0o755);
  await chmod(directory, 0o755);
}

process.exitCode = await main(process.argv.slice(2));
