/** Tables for the documents that follow the commands and the codes of errors. */
import { COMMAND_NAMES, loadCommand } from "../../src/cli/commands.ts";
import { ERRORS } from "../../src/ground/errors.ts";

/** Each command with its options, in the order and the words of its help. */
export async function commandsTable(): Promise<string> {
  const commands = await Promise.all(COMMAND_NAMES.map(rowsOf));
  return ["| command | |", "|---|---|", ...commands.flat()].join("\n");
}

async function rowsOf(name: (typeof COMMAND_NAMES)[number]): Promise<readonly string[]> {
  const { summary, options, arguments: taken } = await loadCommand(name);
  const first = Object.entries(taken).map(
    ([argument, { isRequired, sentence }]) => `| \`${isRequired ? argument : `[${argument}]`}\` | ${sentence} |`,
  );
  const rows = Object.entries(options).map(([option, { placeholder, sentence, default: value }]) => {
    const typed = placeholder === "" ? `--${option}` : `--${option} ${placeholder}`;
    return `| \`${typed}\` | ${sentence}${value === null ? "" : ` (default: \`${value}\`)`} |`;
  });
  return [`| **\`postrider ${name}\`** | **${summary}** |`, ...first, ...rows];
}

export function errorsTable(): string {
  const rows = Object.entries(ERRORS).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ["| code | |", "|---|---|", ...rows].join("\n");
}
