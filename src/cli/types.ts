import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { type Config, readConfig } from "../config/read.ts";
import { readEventTypes } from "../db/eventTypes.ts";
import { counted } from "../ground/counted.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { type EventType, eventTypesModule } from "../typegen/eventTypesModule.ts";
import { defineCommand, notTogether, text } from "./command.ts";
import { withDatabase } from "./withDatabase.ts";

export const command = defineCommand({
  summary: "writes TypeScript types for the event-type catalogue",
  options: {
    output: text({
      ...{ placeholder: "FILE", default: null },
      sentence: "write this file, unless it is the same already; stdout by default",
    }),
    check: text({
      ...{ placeholder: "FILE", default: null },
      sentence: "write nothing; exit with status 1 if this file is not what would be written",
    }),
  },
  examples: [
    "postrider types --output src/postrider-events.ts",
    "postrider types --check src/postrider-events.ts",
    "postrider types | less",
  ],
  conflicts: (given) => notTogether(given, "output", "check"),
  run: async (files, env) => {
    process.stdout.write(await types(files, readConfig(env, { name: "types", database: "required" })));
    return 0;
  },
});

/** Paths, relative to the working directory; at most one of them is not null. */
export interface TypesFiles {
  readonly output: string | null;
  readonly check: string | null;
}

/** Resolves with what to print. Rejects with PR0019 if the file cannot be used, and with PR0020 if the check fails. */
export async function types({ output, check }: TypesFiles, config: Pick<Config, "databaseUrl">): Promise<string> {
  const rows = await withDatabase(config, { role: "postrider_reader" }, readEventTypes);
  const eventTypes = rows.map(({ json_schema, ...row }) => ({ ...row, jsonSchema: json_schema }));
  const module = eventTypesModule(eventTypes);
  if (check !== null) {
    await compare(check, module);
    return `${check} is up to date with ${countOf(eventTypes)}\n`;
  }
  if (output !== null) {
    await writeUnlessSame(output, module);
    return `${output} has ${countOf(eventTypes)}\n`;
  }
  return module;
}

/** A file that is the same keeps its time, so that it causes no build. */
async function writeUnlessSame(path: string, module: string): Promise<void> {
  if ((await textOf(path)) === module) {
    return;
  }
  // Written beside it first: a full disk would otherwise leave half a module in its place.
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(beside, module);
    await rename(beside, path);
  } catch (thrown) {
    await rm(beside, { force: true });
    throw cannot("write", path, thrown);
  }
}

async function compare(path: string, module: string): Promise<void> {
  const found = await textOf(path);
  // Git on Windows may have changed the line endings.
  if (found?.replaceAll("\r\n", "\n") === module) {
    return;
  }
  throw new PostriderError([
    {
      code: "PR0020",
      problem: `${path} is not up to date`,
      found: found === null ? "there is no such file" : "the catalogue has other event types, or they have changed",
      remedy: `run postrider types --output ${path}`,
    },
  ]);
}

/** Null if there is no such file. */
async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") {
      return null;
    }
    throw cannot("read", path, thrown);
  }
}

function cannot(what: "read" | "write", path: string, thrown: unknown): PostriderError {
  return new PostriderError(
    [{ code: "PR0019", problem: `cannot ${what} ${path}`, found: messageOf(thrown), remedy: "name another file" }],
    1,
    { cause: thrown },
  );
}

function countOf(eventTypes: readonly EventType[]): string {
  return counted(eventTypes.length, "event type");
}
