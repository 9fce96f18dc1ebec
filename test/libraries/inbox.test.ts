/** The adapters of the guide, as it has them: type-checked with each library, and run through it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { useEffects } from "../receive/effects.ts";
import { type OpenInbox, testOnce } from "../receive/testOnce.ts";
import { Consumer } from "../support/consumer.ts";
import { guideBlock, guideBlocks } from "../support/guides.ts";
import { EVENT_TYPES } from "../typegen/eventTypes.ts";

const ROOT = resolve(import.meta.dirname, "../..");

interface Library {
  readonly imports: string;
  /** What the guide takes for granted, made from `url`. */
  readonly objects: string;
  readonly block: string;
  readonly execute: string;
  readonly end: string;
}

const DRIZZLE = guideBlock("src/receive/inbox.md", "Drizzle", "ts");

/** The column names of the inbox survive a plugin that renames them. */
const LIBRARIES: Readonly<Record<string, Library>> = {
  postgresJs: {
    imports: 'import postgres, { type TransactionSql } from "postgres";',
    objects: "const sql = postgres(url, { max: 4, transform: postgres.camel, onnotice: () => {} });",
    block: guideBlock("src/receive/inbox.md", "Postgres.js", "ts"),
    execute: "(tx: TransactionSql, text: string) => tx.unsafe(text)",
    end: "() => sql.end()",
  },
  kysely: {
    imports: `import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
type Tables = { effect: { id: string; note: string } };`,
    objects: `const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 4 }) });
const kysely = new Kysely<Tables>({ dialect, plugins: [new CamelCasePlugin()] });`,
    block: guideBlock("src/receive/inbox.md", "Kysely", "ts"),
    execute: "(trx: Transaction<Tables>, text: string) => trx.executeQuery(CompiledQuery.raw(text))",
    end: "() => kysely.destroy()",
  },
  drizzleOnNodePostgres: {
    imports: `import { sql } from "drizzle-orm";
import { drizzle as open_ } from "drizzle-orm/node-postgres";
import pg from "pg";`,
    objects: "const pool = new pg.Pool({ connectionString: url, max: 4 });\nconst drizzle = open_(pool);",
    block: DRIZZLE,
    execute: "(tx: Tx, text: string) => tx.execute(text)",
    end: "() => pool.end()",
  },
  drizzleOnPostgresJs: {
    imports: `import { sql } from "drizzle-orm";
import { drizzle as open_ } from "drizzle-orm/postgres-js";
import postgres from "postgres";`,
    objects: "const client = postgres(url, { max: 4, onnotice: () => {} });\nconst drizzle = open_(client);",
    block: DRIZZLE,
    execute: "(tx: Tx, text: string) => tx.execute(text)",
    end: "() => client.end()",
  },
  prisma: {
    imports: 'import { type Prisma, PrismaClient } from "./prismaClient.ts";',
    objects: "const prisma = new PrismaClient(url);",
    block: guideBlock("src/receive/inbox.md", "Prisma", "ts"),
    execute: "(tx: Prisma.TransactionClient, text: string) => tx.$executeRawUnsafe(text)",
    end: "() => prisma.$disconnect()",
  },
};

/**
 * 300 MB of packages generate a client of Prisma, so this is a stand-in for what is used of it, as Prisma 7 has it. Of the
 * raw queries, one takes a template and returns rows, and the other takes a text and returns a count.
 */
const PRISMA = `
import pg from "pg";
export namespace Prisma {
  export interface TransactionClient {
    $queryRaw<T = unknown>(query: TemplateStringsArray, ...values: unknown[]): Promise<T>;
    $executeRawUnsafe(query: string): Promise<number>;
  }
}
export class PrismaClient {
  readonly #pool: pg.Pool;
  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 4 });
  }
  async $transaction<R>(work: (tx: Prisma.TransactionClient) => Promise<R>, _: { timeout?: number }): Promise<R> {
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      const result = await work({
        async $queryRaw<T>(query: TemplateStringsArray, ...values: unknown[]): Promise<T> {
          if (!Array.isArray(query.raw)) throw new Error("$queryRaw is a tag function");
          const { rows } = await client.query(query.reduce((text, piece, at) => text + "$" + at + piece), values);
          return rows as T;
        },
        $executeRawUnsafe: async (text: string) => (await client.query(text)).rowCount ?? 0,
      });
      await client.query("commit");
      return result;
    } catch (thrown) {
      await client.query("rollback");
      throw thrown;
    } finally {
      client.release();
    }
  }
  $disconnect(): Promise<void> {
    return this.#pool.end();
  }
}
`;

const effects = useEffects();
let consumer: Consumer;

before(async () => {
  consumer = await Consumer.create(join(import.meta.dirname, "consumer"));
  for (const name of ["@types", "kysely", "pg", "undici-types", "pg-types", "pg-protocol"]) {
    consumer.link(join(ROOT, "node_modules"), name);
  }
  for (const name of ["drizzle-orm", "postgres"]) consumer.link(join(import.meta.dirname, "node_modules"), name);
  consumer.write("prismaClient.ts", PRISMA);
  for (const [name, library] of Object.entries(LIBRARIES)) consumer.write(`${name}.ts`, moduleOf(library));
});

after(() => consumer?.remove());

test("the adapters of the guide compile with each library, and so do its other examples", async () => {
  const examples = Object.entries(otherExamples());
  for (const [name, text] of examples) consumer.write(name, text);
  const files = [...Object.keys(LIBRARIES).map((name) => `${name}.ts`), ...examples.map(([name]) => name)];
  assert.equal(await consumer.problems("--types", "node", "--skipLibCheck", ...files), "");
});

/** With what they take for granted. */
function otherExamples(): Readonly<Record<string, string>> {
  const [drop = "", park = "", release = ""] = guideBlocks("src/receive/inbox.md", "Events that come late", "ts");
  const pool = 'import pg from "pg";\nconst pool = new pg.Pool();';
  const head = `${pool}\nimport { postgresInbox, type ReceivedEvent } from "postrider/receive";\ntype Used = ReceivedEvent;`;
  const late = (text: string) => `${head}\n${text}\nexport type { Used };\nexport { inbox };`;
  return {
    "postrider-events.ts": eventTypesModule(EVENT_TYPES),
    "exampleOnce.ts": `${pool}\n${guideBlock("src/receive/inbox.md", "Each event once", "ts")}`,
    "exampleDrop.ts": late(drop),
    "examplePark.ts": late(`interface OrderData { readonly order_id: number }\n${park}`),
    "exampleRelease.ts": late(`${drop}\n${release}`),
  };
}

test("the guide's command prints the SQL of the tables", async () => {
  const command = guideBlock("src/receive/inbox.md", "The tables", "sh");
  await promisify(execFile)("sh", ["-ec", command], { cwd: consumer.path });
  assert.equal(readFileSync(join(consumer.path, "inbox.sql"), "utf8"), inboxSql());
});

for (const name of Object.keys(LIBRARIES)) {
  describe(name, () => testOnce(effects, async (url): Promise<OpenInbox> => (await load(name)).open(url)));
}

async function load(name: string): Promise<{ open(url: string): OpenInbox }> {
  return await import(pathToFileURL(join(consumer.path, `${name}.ts`)).href);
}

function moduleOf({ imports, objects, block, execute, end }: Library): string {
  return `
import { postgresInbox } from "postrider/receive";
${imports}
export function open(url: string) {
${objects}
${block}
return { inbox, execute: ${execute}, end: ${end} };
}
`;
}
