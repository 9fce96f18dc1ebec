/**
 * Databases for tests, on the server that test/run.ts started. A test never shares its database with another:
 * cloning the migrated template costs about as much as one query with a cold cache.
 *
 * Databases of one server are not quite apart. Transactions of one hold back what the snapshots of all call running, and
 * so keep dead rows of the others in indexes; what is made or dropped in one can make the sessions of all forget their
 * catalog. Whoever counts pages says `alone`.
 */
import { randomBytes } from "node:crypto";
import { after, before } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { majorOfRun, startAnotherServer } from "./testServer.ts";

/** How test/run.ts tells the test files which server to use, and which database of it is the template. */
export const SERVER_URL_VARIABLE = "POSTRIDER_TEST_SERVER_URL";
export const TEMPLATE_VARIABLE = "POSTRIDER_TEST_TEMPLATE";

const POOL_CONNECTIONS_MAX = 4;
const CLONE_ATTEMPTS_MAX = 50;
const CLONE_RETRY_MS = 100;

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Small: for looking and arranging. What is tested brings its own connections. */
  readonly pool: pg.Pool;
  /** Ends the pool, disconnects everybody else and drops the database. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** `migrated` (default) has the schema, `empty` is as a new PostgreSQL database. */
  readonly template?: "migrated" | "empty";
  /** `alone`: another server, of the same major, and nobody else on it. One that was given to the run is used as it is. */
  readonly server?: "shared" | "alone";
}

/** Makes a database; the caller drops it. */
export async function createDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return options.server === "alone" ? createAlone(options) : createOn(required(SERVER_URL_VARIABLE), options);
}

async function createAlone({ server: _, ...options }: TestDatabaseOptions): Promise<TestDatabase> {
  if (majorOfRun() === undefined) return createDatabase(options);
  const server = await startAnotherServer();
  try {
    const database = await createOn(server.url, { template: "empty" });
    if (options.template !== "empty") await installSchema(database.url);
    return { ...database, drop: () => database.drop().finally(() => server.stop()) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function createOn(serverUrl: string, options: TestDatabaseOptions): Promise<TestDatabase> {
  return createDatabaseOf(serverUrl, options.template === "empty" ? "template0" : required(TEMPLATE_VARIABLE));
}

/** The same on whichever server. */
export async function createDatabaseOf(
  serverUrl: string,
  template: string,
  name: string = newName("test"),
): Promise<TestDatabase> {
  await clone(serverUrl, name, template);
  const url = urlOf(serverUrl, name);
  const pool = new pg.Pool({ connectionString: url, max: POOL_CONNECTIONS_MAX });
  // A test may well end the pool's idle connections; the next query gets a new one, or says what is wrong.
  pool.on("error", () => {});
  return {
    url,
    name,
    pool,
    drop: async () => {
      await pool.end();
      await dropDatabase(serverUrl, name);
    },
  };
}

/** A database for all tests of the calling file or suite, made before the first and dropped after the last. */
export function useDatabase(options: TestDatabaseOptions = {}): Omit<TestDatabase, "drop"> {
  let database: TestDatabase | undefined;
  before(async () => {
    database = await createDatabase(options);
  });
  after(async () => {
    await database?.drop();
  });
  const current = (): TestDatabase => {
    if (database === undefined) throw new Error("the database is there only while tests and hooks run");
    return database;
  };
  return {
    get url() {
      return current().url;
    },
    get name() {
      return current().name;
    },
    get pool() {
      return current().pool;
    },
  };
}

/** Makes the database that `migrated` ones are cloned from; once per run, by test/run.ts. */
export async function createTemplate(
  serverUrl: string,
): Promise<{ readonly name: string; readonly drop: () => Promise<void> }> {
  const name = newName("template");
  await clone(serverUrl, name, "template0");
  await installSchema(urlOf(serverUrl, name));
  return { name, drop: () => dropDatabase(serverUrl, name) };
}

async function clone(serverUrl: string, name: string, template: string): Promise<void> {
  // Copying files needs two checkpoints where copying blocks needs WAL; without fsync that is a third quicker.
  const sql = `create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(template)} strategy file_copy`;
  await withClient(serverUrl, async (client) => {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(sql);
        return;
      } catch (error) {
        // An autovacuum worker in the template, or another clone of it: PostgreSQL refuses instead of waiting.
        const busy = error instanceof pg.DatabaseError && error.code === "55006";
        if (!busy || attempt === CLONE_ATTEMPTS_MAX) throw error;
        await delay(CLONE_RETRY_MS);
      }
    }
  });
}

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, (client) =>
    client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`),
  );
}

/** As `postrider migrate` does. */
export async function installSchema(url: string): Promise<void> {
  const config = connectionConfig({ databaseUrl: url, applicationName: "postrider-test" });
  const connection = await openConnection({ config, purpose: "migrate" });
  try {
    await migrate(connection);
  } finally {
    await connection.end();
  }
}

async function withClient<Result>(url: string, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Unique also on a server that several runs share. */
function newName(kind: string): string {
  return `postrider_${kind}_${process.pid}_${randomBytes(4).toString("hex")}`;
}

function required(variable: string): string {
  const value = process.env[variable];
  if (value === undefined || value === "") {
    throw new Error(`${variable} is not set: run this test by "npm test -- FILE", which starts the server`);
  }
  return value;
}
