import { join } from "node:path";
import pg from "pg";
import { EmbeddedPostgres, type StopMode } from "../../src/dev/embeddedPostgres.ts";

/** Few, so that they can be used up: the daemons need eight each, and a run some twenty. */
const CONNECTIONS_MAX = 70;
const CONTROL_CONNECTIONS = 4;
const QUERY_TIMEOUT_MS = 15_000;

/** A Postgres of this run's own, with fsync on, which is restarted and crashed in the course of it. */
export class ChaosServer {
  readonly #dataDir: string;
  #server: EmbeddedPostgres;
  /** For arranging and looking: direct, past every proxy. */
  readonly control: pg.Pool;
  readonly url: string;

  private constructor(dataDir: string, server: EmbeddedPostgres) {
    this.#dataDir = dataDir;
    this.#server = server;
    this.url = server.url;
    this.control = new pg.Pool({
      connectionString: server.url,
      max: CONTROL_CONNECTIONS,
      application_name: "chaos/control",
      query_timeout: QUERY_TIMEOUT_MS,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
    });
    // Lost with every restart; the next query gets a new one.
    this.control.on("error", () => {});
    this.control.on("connect", (client) => client.on("error", () => {}));
  }

  static async start(directory: string): Promise<ChaosServer> {
    const dataDir = join(directory, "postgres");
    return new ChaosServer(dataDir, await launch(dataDir, undefined));
  }

  get port(): number {
    return this.#server.port;
  }

  get logFile(): string {
    return join(this.#dataDir, "postgres.log");
  }

  async stop(mode: StopMode): Promise<void> {
    await this.#server.stop(mode);
  }

  /** On the same port, which the writers know. */
  async startAgain(): Promise<void> {
    this.#server = await launch(this.#dataDir, this.#server.port);
  }

  async close(): Promise<void> {
    await this.control.end();
    await this.#server.stop("immediate");
  }
}

function launch(dataDir: string, port: number | undefined): Promise<EmbeddedPostgres> {
  return EmbeddedPostgres.start({
    dataDir,
    ...(port === undefined ? {} : { port }),
    settings: {
      fsync: "on",
      max_connections: String(CONNECTIONS_MAX),
      max_prepared_transactions: "20",
    },
  });
}
