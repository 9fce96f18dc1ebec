/**
 * `npm run docs`: writes what is generated into the tree, from the code and from a freshly migrated database.
 * A test (test/docs.test.ts) compares each file with what this would write.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { settingsTable, traceSettingsTable } from "../../src/config/settingsTable.ts";
import { openApi } from "../../src/console/openapi.ts";
import { portalOpenApi } from "../../src/console/portal/openapi.ts";
import { type Connection, connectionConfig, openConnection } from "../../src/db/connect.ts";
import { schemaSnapshot } from "../../src/db/schemaSnapshot.ts";
import { EmbeddedPostgres } from "../../src/dev/postgres/server.ts";
import { eventsTable } from "../../src/telemetry/eventsTable.ts";
import { metricsTable } from "../../src/telemetry/metricsTable.ts";
import { commandsTable, errorsTable } from "./commandPages.ts";
import { createTemplate } from "./database.ts";

export interface GeneratedDoc {
  /** Relative to the project. */
  readonly path: string;
  /** The whole text of the file. `current` is what it holds, for one of which only a part is generated. */
  render(input: { readonly client: Connection; readonly current: string }): Promise<string>;
}

/** What is generated, in the order of writing. */
export const GENERATED_DOCS: readonly GeneratedDoc[] = [
  {
    path: "sql/schema.sql",
    render: async ({ client }) =>
      `-- The schema without the bodies of its functions and views: for reading, and for comparing. Written by "npm run docs"; do not edit.\n\n${await schemaSnapshot(client)}`,
  },
  {
    path: "src/cli/README.md",
    render: async ({ current }) =>
      betweenMarkers(betweenMarkers(current, "commands", await commandsTable()), "errors", errorsTable()),
  },
  {
    path: "src/config/README.md",
    render: async ({ current }) =>
      betweenMarkers(betweenMarkers(current, "settings", settingsTable()), "trace settings", traceSettingsTable()),
  },
  {
    path: "src/console/openapi.json",
    render: async () => `${JSON.stringify(openApi(), null, 2)}\n`,
  },
  {
    path: "src/console/portal/openapi.json",
    render: async () => `${JSON.stringify(portalOpenApi(), null, 2)}\n`,
  },
  {
    path: "src/telemetry/README.md",
    render: async ({ current }) =>
      betweenMarkers(betweenMarkers(current, "events", eventsTable()), "metrics", metricsTable()),
  },
];

/**
 * Replaces the text between `<!-- NAME -->` and `<!-- /NAME -->`, each on a separate line.
 * Throws if the text does not have exactly one such pair.
 */
export function betweenMarkers(text: string, name: string, content: string): string {
  const [before, rest, ...more] = text.split(`<!-- ${name} -->\n`);
  const [, after, ...evenMore] = rest?.split(`<!-- /${name} -->\n`) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || evenMore.length > 0) {
    throw new Error(`the text does not have the lines <!-- ${name} --> and <!-- /${name} --> once each`);
  }
  return `${before}<!-- ${name} -->\n${content.trimEnd()}\n<!-- /${name} -->\n${after}`;
}

/** The text of one file of the project; empty where there is none yet. */
export function readDoc(path: string): string {
  try {
    return readFileSync(fileOf(path), "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") {
      return "";
    }
    throw thrown;
  }
}

async function writeDocs(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-docs-"));
  await chmod(directory, 0o755);
  try {
    const server = await EmbeddedPostgres.start({ dataDir: join(directory, "postgres"), settings: { fsync: "off" } });
    try {
      await writeAll(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function writeAll(serverUrl: string): Promise<void> {
  const template = await createTemplate(serverUrl);
  const url = new URL(serverUrl);
  url.pathname = `/${template.name}`;
  const config = connectionConfig({ databaseUrl: url.href, applicationName: "postrider-docs" });
  const client = await openConnection({ config, purpose: "control" });
  try {
    for (const doc of GENERATED_DOCS) {
      const current = readDoc(doc.path);
      const text = await doc.render({ client, current });
      if (text !== current) {
        writeFileSync(fileOf(doc.path), text);
      }
      console.log(`${doc.path}: ${text === current ? "unchanged" : "written"}`);
    }
  } finally {
    await client.end();
  }
}

function fileOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeDocs();
}
