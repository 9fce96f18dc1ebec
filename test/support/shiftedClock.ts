/**
 * A server and test files as if they had been started at another moment: they get the shifted clock from libfaketime.
 */
import { globSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { PLATFORM_PACKAGE } from "../../src/dev/postgres/binaries.ts";
import { NEWEST } from "../plan.ts";
import { NEWEST_PARENT_VARIABLE, startServer, type TestServer } from "./testServer.ts";

const LIBRARIES = "/usr/lib/{,*/}faketime/libfaketime.so.1";

export interface ShiftedServer extends TestServer {
  /** Give a process the same clock. */
  readonly variables: Readonly<Record<string, string>>;
}

export function canShiftClock(): boolean {
  return globSync(LIBRARIES).length > 0;
}

export async function startShiftedServer(moment: string): Promise<ShiftedServer> {
  const clock = {
    LD_PRELOAD: globSync(LIBRARIES)[0] ?? "",
    FAKETIME: `${Math.round((Date.parse(moment) - Date.now()) / 1_000)}`,
    // Timeouts are measured by this one.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  const directory = await mkdtemp(join(tmpdir(), "postrider-clock-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await writePackage(directory, clock);
    const server = await startServer(NEWEST, { packageParent: directory });
    return {
      ...server,
      variables: { ...clock, [NEWEST_PARENT_VARIABLE]: directory },
      stop: () => server.stop().finally(remove),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Makes a package of the server whose program is a script: an embedded server inherits no environment. */
async function writePackage(directory: string, clock: Readonly<Record<string, string>>): Promise<void> {
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
