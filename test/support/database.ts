/**
 * Databases for tests, on the server that test/run.ts started. Files never share a database: cloning the migrated
 * template costs about as much as one query with a cold cache.
 *
 * Databases of one server still affect each other. An open transaction in one keeps dead rows in the indexes of all, and
 * objects created or dropped in one can flush the catalog caches of every session. A test that counts pages must
 * therefore ask for a server `alone`.
 */
import { randomBytes } from "node:crypto";
import { after, before, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import type { Major } from "../plan.ts";
import { majorOfRun, startPreparedServer, type TestServer } from "./testServer.ts";

/** How test/run.ts tells the test files which server to use, and which of its databases is the template. */
export const SERVER_URL_VARIABLE = "POSTRIDER_TEST_SERVER_URL";
export const TEMPLATE_VARIABLE = "POSTRIDER_TEST_TEMPLATE";

/** The template of a server that startMigratedServer() has started. */
export const PREPARED_TEMPLATE = "postrider_template";

const POOL_CONNECTIONS_MAX = 4;
const CLONE_ATTEMPTS_MAX = 50;
const CLONE_RETRY_MS = 100;

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** A small pool to arrange and inspect; the code under test opens its own connections. */
  readonly pool: pg.Pool;
  /** Ends the pool, disconnects all other sessions and drops the database. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** `migrated` (default) has the schema; `empty` is a new PostgreSQL database. */
  readonly template?: "migrated" | "empty";
  /** The encoding of the database, such as WIN1252. Default: that of the server, UTF8. */
  readonly encoding?: string;
  /** `alone`: another server of the same major, for this database only. A server that was given to the run is shared. */
  readonly server?: "shared" | "alone";
}

/** Makes a database; the caller drops it. */
export async function createDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return options.server === "alone" ? createAlone(options) : createOn(required(SERVER_URL_VARIABLE), options);
}

async function createAlone({ server: _, ...options }: TestDatabaseOptions): Promise<TestDatabase> {
  const major = majorOfRun();
  if (major === undefined) return createDatabase(options);
  const server = await startMigratedServer(major);
  try {
    const database = await createDatabaseOf(server.url, options.template === "empty" ? "template0" : PREPARED_TEMPLATE);
    return { ...database, drop: () => database.drop().finally(() => server.stop()) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function createOn(serverUrl: string, options: TestDatabaseOptions): Promise<TestDatabase> {
  if (options.encoding !== undefined) {
    return createEncoded(serverUrl, options.encoding, options.template);
  }
  return createDatabaseOf(serverUrl, options.template === "empty" ? "template0" : required(TEMPLATE_VARIABLE));
}

async function createEncoded(
  serverUrl: string,
  encoding: string,
  template: TestDatabaseOptions["template"],
): Promise<TestDatabase> {
  const name = newName("test");
  await withClient(serverUrl, (client) =>
    client.query(
      `create database ${pg.escapeIdentifier(name)} template template0 encoding ${pg.escapeLiteral(encoding)} locale_provider libc locale 'C'`,
    ),
  );
  const database = openDatabase(serverUrl, name);
  if (template !== "empty") await installSchema(database.url);
  return database;
}

/** The same on any server. */
export async function createDatabaseOf(
  serverUrl: string,
  template: string,
  name: string = newName("test"),
): Promise<TestDatabase> {
  await clone(serverUrl, name, template);
  return openDatabase(serverUrl, name);
}

function openDatabase(serverUrl: string, name: string): TestDatabase {
  const url = urlOf(serverUrl, name);
  const pool = openPool({ connectionString: url, max: POOL_CONNECTIONS_MAX });
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

/**
 * A pool whose idle connections may be ended: by a test, or when the database is dropped, because end() resolves before
 * they are closed. The next query opens a new one or reports the problem. Without a listener, the process would end.
 */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  pool.on("error", () => {});
  return pool;
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

/** A database for one test. Who stops something that uses it takes useDatabase(): hooks run in the order they are made in. */
export async function databaseFor(t: TestContext, options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const database = await createDatabase(options);
  t.after(() => database.drop());
  return database;
}

/**
 * For tests of one file that each begin with the same database: it is filled once, and each test gets a clone, which is
 * dropped after the test.
 */
export function useFilled(
  fill: (database: TestDatabase) => Promise<unknown>,
): (t: TestContext) => Promise<TestDatabase> {
  let filled: string | undefined;
  before(async () => {
    const database = await createDatabase();
    filled = database.name;
    await fill(database);
    // PostgreSQL clones no database that a session uses.
    await database.pool.end();
  });
  after(async () => {
    if (filled !== undefined) await dropDatabase(required(SERVER_URL_VARIABLE), filled);
  });
  return async (t) => {
    if (filled === undefined) throw new Error("the database is there only while tests and hooks run");
    const database = await createDatabaseOf(required(SERVER_URL_VARIABLE), filled);
    t.after(() => database.drop());
    return database;
  };
}

/** A server that has the template already. */
export function startMigratedServer(major: Major): Promise<TestServer> {
  return startPreparedServer(major, (url) => createTemplate(url, PREPARED_TEMPLATE));
}

/** Makes the database that `migrated` ones are cloned from. */
export async function createTemplate(
  serverUrl: string,
  name: string = newName("template"),
): Promise<{ readonly name: string; readonly drop: () => Promise<void> }> {
  await clone(serverUrl, name, "template0");
  await installSchema(urlOf(serverUrl, name));
  return { name, drop: () => dropDatabase(serverUrl, name) };
}

async function clone(serverUrl: string, name: string, template: string): Promise<void> {
  // Copying files needs two checkpoints, copying blocks needs WAL; without fsync, files are a third faster.
  const sql = `create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(template)} strategy file_copy`;
  await withClient(serverUrl, async (client) => {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(sql);
        return;
      } catch (error) {
        // PostgreSQL refuses instead of waiting while another session, such as another clone, uses the template.
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

/** Unique even on a server that several runs share. */
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
