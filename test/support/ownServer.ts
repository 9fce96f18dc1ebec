/**
 * A Postgres that belongs to one test, which may stop, crash, fill up and fail it over. Its name is the port of a proxy
 * that leads to the current primary; the code under test connects by that name.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { EmbeddedPostgres, type StopMode } from "../../src/dev/postgres/server.ts";
import { FaultProxy } from "../chaos/proxy.ts";
import { PRIMARY_SETTINGS, replicateSynchronously, startStandby } from "./standby.ts";

export interface OwnServerOptions {
  /** Must exist and be open to every user, because a server that root starts runs as another. Empty after `close`. */
  readonly directory: string;
  readonly settings?: Readonly<Record<string, string>>;
}

interface RunningServer {
  readonly dataDir: string;
  readonly server: EmbeddedPostgres;
}

const CONTROL_CONNECTIONS = 4;
const QUERY_TIMEOUT_MS = 15_000;
const STANDBY_NAME = "standby";

export class OwnServer {
  readonly #options: OwnServerOptions;
  readonly #name: FaultProxy;
  /** A second proxy for the control connections, which follow the name at once. */
  readonly #controlName: FaultProxy;
  /** Where the name leads. */
  #present: RunningServer;
  /** The other servers, running or stopped. */
  #others: RunningServer[] = [];
  /** Leads to the current primary. */
  readonly url: string;
  /** Arranges and inspects, always on the server that the name leads to. A broken connection is replaced at the next query. */
  readonly control: pg.Pool;

  private constructor(
    options: OwnServerOptions,
    present: RunningServer,
    { name, controlName }: { readonly name: FaultProxy; readonly controlName: FaultProxy },
  ) {
    this.#options = options;
    this.#present = present;
    this.#name = name;
    this.#controlName = controlName;
    this.url = withPort(present.server.url, name.port);
    this.control = new pg.Pool({
      connectionString: withPort(present.server.url, controlName.port),
      max: CONTROL_CONNECTIONS,
      // Kept, because some tests leave no room for a new one.
      idleTimeoutMillis: 0,
      application_name: "control",
      query_timeout: QUERY_TIMEOUT_MS,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
    });
    this.control.on("error", () => {});
    this.control.on("connect", (client) => client.on("error", () => {}));
  }

  static async start(options: OwnServerOptions): Promise<OwnServer> {
    const dataDir = await newDataDir(options.directory);
    const present = { dataDir, server: await EmbeddedPostgres.start({ dataDir, ...startOptions(options) }) };
    let own: OwnServer;
    const name = await FaultProxy.start(() => own.port);
    const controlName = await FaultProxy.start(() => own.port);
    own = new OwnServer(options, present, { name, controlName });
    return own;
  }

  /** The port of the server that the name leads to. */
  get port(): number {
    return this.#present.server.port;
  }

  /** How many connections the name has had. */
  get connections(): number {
    return this.#name.stats.connections;
  }

  get pid(): number {
    return this.#present.server.pid;
  }

  /** With the cluster in `data/` and the log in `postgres.log`. */
  get dataDir(): string {
    return this.#present.dataDir;
  }

  async stop(mode: StopMode): Promise<void> {
    await this.#present.server.stop(mode);
  }

  /** After a stop, on the same port. */
  async startAgain(): Promise<void> {
    const { dataDir, server } = this.#present;
    this.#present = {
      dataDir,
      server: await EmbeddedPostgres.start({ dataDir, port: server.port, ...startOptions(this.#options) }),
    };
  }

  /** Makes a standby that has every commit before the commit returns. The name still leads to the primary. */
  async addStandby(): Promise<void> {
    const dataDir = await newDataDir(this.#options.directory);
    const { settings } = startOptions(this.#options);
    const primary = { url: this.#present.server.url, dataDir: this.#present.dataDir };
    const server = await startStandby(primary, { dataDir, settings, name: STANDBY_NAME });
    this.#others.push({ dataDir, server });
    await replicateSynchronously(this.control, STANDBY_NAME);
  }

  /** Points the name to the standby without promoting it. Connections to the other server last as long as it does. */
  leadToStandby(): void {
    const standby = this.#others.pop();
    if (standby === undefined) {
      throw new Error("there is no standby");
    }
    this.#others.push(this.#present);
    this.#present = standby;
    this.#controlName.sever();
  }

  /** Promotes the standby that the name leads to. */
  async promote(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#present.server.url });
    await client.connect();
    try {
      await client.query("select pg_promote(true, 60)");
    } finally {
      await client.end();
    }
  }

  /** Stops the servers that the name does not lead to and removes their data. */
  async discardOthers(): Promise<void> {
    for (const { server, dataDir } of this.#others.splice(0)) {
      await server.stop("immediate");
      await rm(dirname(dataDir), { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.control.end();
    await Promise.all([this.#name.close(), this.#controlName.close()]);
    this.#others.push(this.#present);
    await this.discardOthers();
  }
}

function startOptions({ settings }: OwnServerOptions) {
  return {
    settings: { ...PRIMARY_SETTINGS, ...settings },
    // A standby needs the WAL since its base copy, and a new test begins by writing a whole file of WAL.
    initdbArguments: ["--wal-segsize=1"],
  };
}

function withPort(databaseUrl: string, port: number): string {
  const url = new URL(databaseUrl);
  url.port = String(port);
  return url.href;
}

async function newDataDir(directory: string): Promise<string> {
  const place = await mkdtemp(join(directory, "server-"));
  await chmod(place, 0o755);
  return join(place, "postgres");
}
