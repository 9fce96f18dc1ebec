/** The server that is measured, and fresh databases on it: what one trial leaves behind never weighs on the next. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { EmbeddedPostgres } from "../../src/dev/postgres/server.ts";
import { installSchema } from "../support/database.ts";
import { postmasterOf } from "./cpu.ts";

/** Names a server to use instead of an embedded one, as a superuser. */
export const SERVER_URL_VARIABLE = "POSTRIDER_BENCH_URL";

/**
 * As installed, but for what would fall into some rounds and not into others: checkpoints (after which whole pages go
 * to the WAL once more) and autovacuum.
 */
const SETTINGS = {
  autovacuum: "off",
  checkpoint_timeout: "1h",
  max_wal_size: "16GB",
  max_connections: "100",
  shared_preload_libraries: "pg_stat_statements",
};

export class BenchServer {
  readonly version: string;
  /** Null where the server is not on this machine; its CPU time is unknown then. */
  readonly postmasterPid: number | null;
  readonly countsStatements: boolean;
  readonly #url: string;
  readonly #templates: Templates;
  readonly #stop: () => Promise<void>;
  readonly #databases = new Set<Database>();

  private constructor(url: string, templates: Templates, facts: ServerFacts, stop: () => Promise<void>) {
    this.#url = url;
    this.#templates = templates;
    this.version = facts.version;
    this.postmasterPid = facts.postmasterPid;
    this.countsStatements = facts.countsStatements;
    this.#stop = stop;
  }

  static async start(): Promise<BenchServer> {
    const { url, stop } = await startServer();
    try {
      const templates = { empty: newName("empty"), postrider: newName("template") };
      await createFrom(url, templates.empty, "template0");
      const facts = await withClient(urlOf(url, templates.empty), learnFacts);
      await createFrom(url, templates.postrider, templates.empty);
      await installSchema(urlOf(url, templates.postrider));
      return new BenchServer(url, templates, facts, stop);
    } catch (thrown) {
      await stop();
      throw thrown;
    }
  }

  /** With the schema installed, or empty. */
  async createDatabase(kind: keyof Templates = "postrider"): Promise<Database> {
    const name = newName("trial");
    await createFrom(this.#url, name, this.#templates[kind]);
    const database = new Database(name, urlOf(this.#url, name), async () => {
      this.#databases.delete(database);
      await withClient(this.#url, (client) => client.query(`drop database ${name} with (force)`));
    });
    this.#databases.add(database);
    return database;
  }

  async stop(): Promise<void> {
    try {
      for (const database of this.#databases) {
        await database.drop();
      }
      for (const template of Object.values(this.#templates)) {
        await withClient(this.#url, (client) => client.query(`drop database ${template} with (force)`));
      }
    } finally {
      await this.#stop();
    }
  }
}

export class Database {
  readonly name: string;
  readonly url: string;
  readonly #drop: () => Promise<void>;
  readonly #clients: pg.Client[] = [];

  constructor(name: string, url: string, drop: () => Promise<void>) {
    this.name = name;
    this.url = url;
    this.#drop = drop;
  }

  /** Ended by `drop`. Its own statements are left out of what pg_stat_statements counts. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    // The running statement reports a server that goes away.
    client.on("error", () => {});
    await client.connect();
    this.#clients.push(client);
    await client.query("set pg_stat_statements.track = none");
    return client;
  }

  async drop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
    await this.#drop();
  }
}

/** Databases that each trial gets a copy of. */
interface Templates {
  readonly empty: string;
  readonly postrider: string;
}

async function createFrom(url: string, name: string, template: string): Promise<void> {
  await withClient(url, (client) => client.query(`create database ${name} template ${template}`));
}

interface ServerFacts {
  readonly version: string;
  readonly postmasterPid: number | null;
  readonly countsStatements: boolean;
}

async function learnFacts(client: pg.Client): Promise<ServerFacts> {
  const { rows } = await client.query<{ pid: number; version: string; preloaded: string; host: string | null }>(
    `select pg_backend_pid() as pid, current_setting('server_version') as version,
            current_setting('shared_preload_libraries') as preloaded, host(inet_server_addr()) as host`,
  );
  const [row] = rows;
  if (row === undefined) {
    throw new Error("the server answered a select without a row");
  }
  const countsStatements = row.preloaded.includes("pg_stat_statements");
  if (countsStatements) {
    await client.query("create extension pg_stat_statements");
  }
  return {
    version: row.version,
    // A pid of another machine may be anybody's here.
    postmasterPid: row.host === null || row.host === "127.0.0.1" || row.host === "::1" ? postmasterOf(row.pid) : null,
    countsStatements,
  };
}

async function startServer(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const given = process.env[SERVER_URL_VARIABLE];
  if (given !== undefined && given !== "") {
    return { url: given, stop: async () => {} };
  }
  const directory = await mkdtemp(join(tmpdir(), "postrider-bench-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    // Under root the server runs as another user, who must be able to enter.
    await chmod(directory, 0o755);
    const server = await EmbeddedPostgres.start({ dataDir: join(directory, "postgres"), settings: SETTINGS });
    const stop = async () => {
      await server.stop();
      await remove();
    };
    return { url: server.url, stop };
  } catch (thrown) {
    await remove();
    throw thrown;
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

/** Letters, digits and underscores, so that it needs no quotes; unique on a server that several runs share. */
function newName(kind: string): string {
  return `postrider_bench_${kind}_${process.pid}_${randomBytes(4).toString("hex")}`;
}
