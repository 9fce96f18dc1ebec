/** The libraries that only these tests install; see ../publish/libraries.ts. */
import { describe } from "node:test";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOfPostgresJs } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import type { Library } from "../publish/libraries.ts";
import { usePublisher } from "../publish/publisher.ts";
import { testAssertions } from "../publish/testAssertions.ts";
import { testPublishing } from "../publish/testPublishing.ts";

const LIBRARIES = {
  "Drizzle on node-postgres": drizzleOnNodePostgres,
  "Drizzle on Postgres.js": drizzleOnPostgresJs,
  "Postgres.js": postgresJs,
};

const publisher = usePublisher();
const tester = usePublisher(["postrider_publisher", "postrider_operator"]);

for (const [name, open] of Object.entries(LIBRARIES)) {
  describe(name, () => testPublishing(publisher, open));
  describe(`${name}, in tests of an application`, () => testAssertions(tester, open));
}

function drizzleOnNodePostgres(url: string): Library {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  return { ...drizzleLibrary(drizzle(pool)), end: () => pool.end() };
}

function drizzleOnPostgresJs(url: string): Library {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  return { ...drizzleLibrary(drizzleOfPostgresJs(sql)), end: () => sql.end() };
}

interface DrizzleDatabase {
  execute(text: string): PromiseLike<unknown>;
  transaction(work: (tx: DrizzleDatabase) => Promise<void>): Promise<void>;
}

function drizzleLibrary(db: DrizzleDatabase): Pick<Library, "root" | "transaction" | "savepoint"> {
  return {
    root: db,
    transaction: (work) => db.transaction((tx) => work(tx as never, async (text) => tx.execute(text))),
    savepoint: (tx, work) => (tx as DrizzleDatabase).transaction((inner) => work(inner as never)),
  };
}

function postgresJs(url: string): Library {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  return {
    root: sql,
    transaction: async (work) => {
      await sql.begin((tx) => work(tx as never, async (text) => tx.unsafe(text)));
    },
    savepoint: async (tx, work) => {
      await (tx as postgres.TransactionSql).savepoint((inner) => work(inner as never));
    },
    end: () => sql.end(),
  };
}
