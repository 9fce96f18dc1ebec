import { readFile } from "node:fs/promises";
import { type Application, applyFile } from "../apply/apply.ts";
import { countsText, differenceText } from "../apply/difference.ts";
import { readConfig } from "../config/read.ts";
import { counted } from "../ground/counted.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { defineCommand, flag, requiredArgument } from "./command.ts";
import { standardInput } from "./standardInput.ts";
import { withDatabase } from "./withDatabase.ts";

export const command = defineCommand({
  summary: "makes endpoints, subscriptions and event types what a file says",
  arguments: { FILE: requiredArgument("YAML or JSON file; - for standard input") },
  options: {
    "dry-run": flag("print what would change; changes nothing"),
    check: flag("change nothing; exit with status 1 if anything would change"),
    json: flag("print JSON instead of text"),
  },
  examples: ["postrider apply postrider.yaml --dry-run", "postrider apply postrider.yaml"],
  run: async ({ FILE, "dry-run": dryRun, check, json }, env) => {
    const config = readConfig(env, { name: "apply", database: "required" });
    const name = FILE === "-" ? "standard input" : FILE;
    const file = { name, text: await textOf(FILE), variable: (variable: string) => env[variable] || null };
    const isDry = dryRun || check;
    const show = ({ changes }: Application) => {
      if (!json) {
        process.stdout.write(differenceText(changes));
      }
    };
    const application = await withDatabase(config, { role: "postrider_operator", purpose: "apply" }, (database) =>
      applyFile(database, file, { isDry, show }),
    );
    process.stdout.write(json ? applicationJson(application, isDry) : applicationText(application, { name, isDry }));
    return check && application.changes.length > 0 ? 1 : 0;
  },
});

/** More than a hundred thousand endpoints. */
const FILE_BYTES_MAX = 32 * 1024 * 1024;

/** Rejects with PR0019 if it cannot be read. */
async function textOf(file: string): Promise<string> {
  try {
    const bytes = file === "-" ? await standardInput(FILE_BYTES_MAX) : await readFile(file);
    if (bytes === null || bytes.length > FILE_BYTES_MAX) {
      throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (thrown) {
    const found = thrown instanceof TypeError ? "it is not UTF-8" : messageOf(thrown);
    const problem = `cannot read ${file === "-" ? "standard input" : file}`;
    const remedy = "name a file of YAML or JSON in UTF-8, or pipe one into -";
    throw new PostriderError([{ code: "PR0019", problem, found, remedy }], 1, { cause: thrown });
  }
}

interface TextOptions {
  readonly name: string;
  readonly isDry: boolean;
}

/** What stands below the difference. */
function applicationText({ changes, others }: Application, { name, isDry }: TextOptions): string {
  const sum =
    changes.length === 0
      ? `nothing to change: all is as ${name} says`
      : `${isDry ? "would be applied" : "applied"}: ${countsText(changes)}`;
  const alone = othersText(others);
  return [sum, ...(alone === null ? [] : [alone]), ""].join("\n");
}

function othersText({ endpoints, eventTypes }: Application["others"]): string | null {
  const others = [
    ...(endpoints > 0 ? [counted(endpoints, "other endpoint")] : []),
    ...(eventTypes > 0 ? [counted(eventTypes, "other event type")] : []),
  ];
  return others.length === 0 ? null : `left alone, because the file does not mention them: ${others.join(", ")}`;
}

/** What `postrider apply --json` prints. */
function applicationJson({ changes, others }: Application, isDry: boolean): string {
  const outcome = changes.length === 0 ? "nothing to change" : isDry ? "would be applied" : "applied";
  const told = changes.map(({ entry: _, ...change }) => change);
  return `${JSON.stringify({ outcome, changes: told, left_alone: { endpoints: others.endpoints, event_types: others.eventTypes } }, null, 2)}\n`;
}
