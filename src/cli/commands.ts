import type { Command } from "./command.ts";

/**
 * The commands, in the order of the help. Each is loaded when it is asked for: all of them together take half a second
 * from a checkout.
 */
export const COMMANDS = {
  dev: () => import("./dev.ts"),
  migrate: () => import("./migrate.ts"),
  publish: () => import("./publish.ts"),
  run: () => import("./run.ts"),
  apply: () => import("./apply.ts"),
  adopt: () => import("./adopt.ts"),
  check: () => import("./check.ts"),
  console: () => import("./console.ts"),
  status: () => import("./status.ts"),
  tail: () => import("./tail.ts"),
  explain: () => import("./explain.ts"),
  health: () => import("./health.ts"),
  receive: () => import("./receive.ts"),
  ingest: () => import("./ingest.ts"),
  types: () => import("./types.ts"),
  reseal: () => import("./reseal.ts"),
} as const satisfies Readonly<Record<string, () => Promise<{ readonly command: Command }>>>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export async function loadCommand(name: CommandName): Promise<Command> {
  return (await COMMANDS[name]()).command;
}
