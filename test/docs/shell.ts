/** Runs what the documents tell a reader to type, on a machine that has neither `postrider` nor `psql` installed. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { CommandProcess } from "../support/command.ts";
import { ROOT } from "../support/guides.ts";

const PROGRAMS = { postrider: "src/main.ts", psql: "test/docs/psql.ts" };

export interface ShellOptions {
  /** Default: the project. */
  readonly cwd?: string;
}

/** A shell with these programs on its path; the caller ends it, and then calls `remove`. */
export function startShell(
  script: string,
  env: Readonly<Record<string, string>>,
  { cwd = ROOT }: ShellOptions = {},
): { readonly shell: CommandProcess; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "postrider-shell-"));
  for (const [name, source] of Object.entries(PROGRAMS)) {
    const run = `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(ROOT, source))} "$@"`;
    writeFileSync(join(directory, name), `#!/bin/sh\n${run}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  const path = [directory, process.env.PATH].join(delimiter);
  const shell = new CommandProcess(["-e", "-o", "pipefail", "-c", script], {
    program: ["bash"],
    cwd,
    env: { ...env, PATH: path },
  });
  return { shell, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Runs a script to its end, which must be a good one; returns what it wrote to stdout. */
export async function runShell(
  script: string,
  env: Readonly<Record<string, string>>,
  options: ShellOptions = {},
): Promise<string> {
  const { shell, remove } = startShell(script, env, options);
  const { code } = await shell.ended.finally(remove);
  assert.equal(code, 0, shell.said());
  return shell.stdout;
}
