import type { Environment } from "../config/environment.ts";
import type { ExitStatus } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { parseCommandLine } from "./parse.ts";

/**
 * Runs one command line (without node and script) to its end, and resolves with the exit status. Rejects with
 * PostriderError if the person who typed it must fix something.
 */
export async function runCli(argv: readonly string[], env: Environment): Promise<0 | ExitStatus> {
  const commandLine = await parseCommandLine(argv);
  switch (commandLine.kind) {
    case "help":
      (commandLine.exitStatus === 0 ? process.stdout : process.stderr).write(commandLine.text);
      return commandLine.exitStatus;
    case "version":
      process.stdout.write(`postrider ${VERSION}\n`);
      return 0;
    case "command":
      return commandLine.run(env);
  }
}
