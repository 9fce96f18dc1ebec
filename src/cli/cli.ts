import {
  type Config,
  type EgressConfig,
  type EgressEntryProblem,
  type Environment,
  readConfig,
} from "../config/config.ts";
import type { ExitStatus } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { parseEgressPolicy } from "../http/egress/policy.ts";
import { type Command, parseCommandLine } from "./commandLine.ts";

/**
 * Runs one command line (without node and script) to its end, and resolves with the exit status. Rejects with
 * PostriderError for what the person who typed it must mend.
 */
export async function runCli(argv: readonly string[], env: Environment): Promise<0 | ExitStatus> {
  const commandLine = parseCommandLine(argv);
  switch (commandLine.kind) {
    case "help":
      (commandLine.exitStatus === 0 ? process.stdout : process.stderr).write(commandLine.text);
      return commandLine.exitStatus;
    case "version":
      process.stdout.write(`postrider ${VERSION}\n`);
      return 0;
    case "command":
      return runCommand(commandLine, env);
  }
}

/** A command is loaded when it is asked for: all of them together take a second from a checkout. */
async function runCommand(command: Command, env: Environment): Promise<0 | 1> {
  switch (command.name) {
    case "dev": {
      const { dev, devEnvironment } = await import("./dev.ts");
      return dev(command.options, configFor(command, devEnvironment(env)), env);
    }
    case "migrate": {
      const { migrateCommand } = await import("./migrate.ts");
      return migrateCommand(command.options, configFor(command, env));
    }
    case "run": {
      const { run } = await import("./run.ts");
      return run(configFor(command, env));
    }
    case "adopt": {
      const { adoptCommand } = await import("./adopt.ts");
      return adoptCommand(command.options, configFor(command, env));
    }
    case "status": {
      const { statusCommand } = await import("./status.ts");
      return statusCommand(command.options, configFor(command, env));
    }
    case "ingest": {
      const { ingestCommand } = await import("./ingest.ts");
      return ingestCommand(command.options, configFor(command, env));
    }
    case "receive": {
      const { receive } = await import("./receive.ts");
      return receive(command.options);
    }
    case "types": {
      const { typesCommand } = await import("./types.ts");
      return typesCommand(command.options, configFor(command, env));
    }
  }
}

function configFor(command: Command, env: Environment): Config {
  return readConfig(env, command, egressProblems);
}

function egressProblems(egress: EgressConfig): readonly EgressEntryProblem[] {
  const parsed = parseEgressPolicy(egress);
  return parsed.kind === "problems" ? parsed.problems : [];
}
