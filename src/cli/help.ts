import type { Command, Option } from "./command.ts";
import { COMMAND_NAMES, type CommandName, loadCommand } from "./commands.ts";

/** The help of the whole program. */
export async function overview(): Promise<string> {
  const rows = await Promise.all(COMMAND_NAMES.map(async (name) => [name, (await loadCommand(name)).summary] as const));
  return [
    "postrider: insert a row into Postgres, and every matching endpoint gets a signed webhook.",
    "",
    "Usage: postrider COMMAND [options]",
    "",
    "Commands:",
    ...columns(rows),
    "",
    "Options:",
    ...columns([
      ["-h, --help", "show this help, or that of a command"],
      ["-v, --version", "show the version"],
    ]),
    "",
    "postrider COMMAND --help explains one command. Settings are environment variables, listed in src/config/README.md.",
    "",
  ].join("\n");
}

export function helpOf(name: CommandName, command: Command): string {
  const { summary, options, examples } = command;
  const taken = Object.entries(command.arguments).map(([argument, { sentence }]) => [argument, sentence] as const);
  const rows = Object.entries(options).map(([option, spec]) => [typed(option, spec), described(spec)] as const);
  return [
    `postrider ${name}: ${summary}.`,
    "",
    ...wrapped(`Usage: postrider ${name}`, [...argumentWords(command), ...rows.map(([option]) => `[${option}]`)]),
    "",
    ...(taken.length === 0 ? [] : ["Arguments:", ...columns(taken), ""]),
    "Options:",
    ...columns([...rows, ["-h, --help", "show this help"]]),
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

/** No line is longer than LINE_CHARS_MAX; further ones are indented as far as the first word behind the beginning. */
function wrapped(beginning: string, words: readonly string[]): readonly string[] {
  const lines = [beginning];
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= LINE_CHARS_MAX) lines[lines.length - 1] = longer;
    else lines.push(`${" ".repeat(beginning.length)} ${word}`);
  }
  return lines;
}

const LINE_CHARS_MAX = 120;

/** How a command is called, for a fault. */
export function usageOf(name: CommandName, command: Command): string {
  return ["postrider", name, ...argumentWords(command), "[options]"].join(" ");
}

function argumentWords(command: Command): readonly string[] {
  return Object.entries(command.arguments).map(([argument, { isRequired }]) =>
    isRequired ? argument : `[${argument}]`,
  );
}

function typed(name: string, { placeholder }: Option): string {
  return placeholder === "" ? `--${name}` : `--${name} ${placeholder}`;
}

function described(option: Option): string {
  return option.default === null ? option.sentence : `${option.sentence} (default: ${option.default})`;
}

/** Two columns, the first as wide as its longest entry. */
function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
