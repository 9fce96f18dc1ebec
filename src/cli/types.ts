import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { connectionConfig, openConnection } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { assertSchemaUsable } from "../db/migrate.ts";
import { explainRefusal } from "../db/roles.ts";
import { type Queries, queriesOf } from "../db/schema.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { type EventType, eventTypesModule } from "../typegen/eventTypesModule.ts";
import type { TypesOptions } from "./commandLine.ts";

/** `postrider types`. Rejects as `types` does. */
export async function typesCommand(options: TypesOptions, config: Config): Promise<0> {
  process.stdout.write(await types(options, config));
  return 0;
}

/**
 * Does what is asked for, and resolves with what is to be printed. Rejects with PR0019 where the file is not to be had,
 * and with PR0020 where it was checked and differs.
 */
export async function types(options: TypesOptions, { databaseUrl }: Pick<Config, "databaseUrl">): Promise<string> {
  const eventTypes = await readEventTypes(databaseUrl).catch((thrown: unknown) => {
    throw explainRefusal(thrown, "postrider_reader");
  });
  const text = eventTypesModule(eventTypes);
  switch (options.to) {
    case "stdout":
      return text;
    case "file":
      await writeUnlessSame(options.path, text);
      return `${options.path} has ${countOf(eventTypes)}\n`;
    case "check":
      await compare(options.path, text);
      return `${options.path} is up to date with ${countOf(eventTypes)}\n`;
  }
}

async function readEventTypes(databaseUrl: string | null): Promise<readonly EventType[]> {
  const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
  // Looked at through a connection of its own: that one says what is wrong where the server cannot be reached.
  const client = await openConnection({ config: connection, purpose: "control" });
  try {
    await assertSchemaUsable(client);
  } finally {
    await client.end();
  }
  const pool = new Database({ config: connection, purpose: "control", max: 1 });
  try {
    return await eventTypesIn(queriesOf(pool));
  } finally {
    await pool.end();
  }
}

async function eventTypesIn(queries: Queries): Promise<readonly EventType[]> {
  const rows = await queries
    .selectFrom("postrider.event_type")
    .select(["name", "description", "json_schema", "deprecated"])
    .execute();
  return rows.map(({ json_schema, ...row }) => ({ ...row, jsonSchema: json_schema }));
}

/** One that is the same keeps its time, so that nothing is built anew for it. */
async function writeUnlessSame(path: string, text: string): Promise<void> {
  if ((await textOf(path)) === text) {
    return;
  }
  // Beside it first: a full disk would otherwise leave half a module in its place.
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (thrown) {
    await rm(beside, { force: true });
    throw cannot("write", path, thrown);
  }
}

async function compare(path: string, text: string): Promise<void> {
  const found = await textOf(path);
  // Git on Windows may have changed the line ends.
  if (found?.replaceAll("\r\n", "\n") === text) {
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

/** Null where there is no such file. */
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
  return eventTypes.length === 1 ? "1 event type" : `${eventTypes.length} event types`;
}
