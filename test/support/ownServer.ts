/**
 * A Postgres of a test's own, to be stopped, crashed, filled up and failed over. It has a name, which is a port of a proxy
 * that leads to whichever server is to be the primary; what is tested connects by that.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { EmbeddedPostgres, type StopMode } from "../../src/dev/postgres/server.ts";
import { FaultProxy } from "../chaos/proxy.ts";
import { PRIMARY_SETTINGS, replicateSynchronously, startStandby } from "./standby.ts";

export interface OwnServerOptions {
  /** There, and open to everybody: as root the server runs as somebody else. Empty again when the server is closed. */
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
  /** The name once more, for those who look: their connections follow it at once. */
  readonly #controlName: FaultProxy;
  /** Where the name leads. */
  #present: RunningServer;
  /** What else runs, or has run. */
  #others: RunningServer[] = [];
  /** By the name. */
  readonly url: string;
  /** For arranging and looking, always at the server that the name leads to. What breaks is replaced at the next query. */
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
      // Kept, also for when no new one is to be had.
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

  /** Of the server that the name leads to. */
  get port(): number {
    return this.#present.server.port;
  }

  /** How often somebody has connected by the name. */
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

  /** After a stop: on the same port. */
  async startAgain(): Promise<void> {
    const { dataDir, server } = this.#present;
    this.#present = {
      dataDir,
      server: await EmbeddedPostgres.start({ dataDir, port: server.port, ...startOptions(this.#options) }),
    };
  }

  /** Makes a standby that has every commit before it returns. The name goes on leading to the primary. */
  async addStandby(): Promise<void> {
    const dataDir = await newDataDir(this.#options.directory);
    const { settings } = startOptions(this.#options);
    const primary = { url: this.#present.server.url, dataDir: this.#present.dataDir };
    const server = await startStandby(primary, { dataDir, settings, name: STANDBY_NAME });
    this.#others.push({ dataDir, server });
    await replicateSynchronously(this.control, STANDBY_NAME);
  }

  /** Lets the name lead to the standby, as it is. Connections to the other server stand as long as that does. */
  leadToStandby(): void {
    const standby = this.#others.pop();
    if (standby === undefined) {
      throw new Error("there is no standby");
    }
    this.#others.push(this.#present);
    this.#present = standby;
    this.#controlName.sever();
  }

  /** Makes the standby that the name leads to the primary. */
  async promote(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#present.server.url });
    await client.connect();
    try {
      await client.query("select pg_promote(true, 60)");
    } finally {
      await client.end();
    }
  }

  /** Stops what the name does not lead to, and removes its data. */
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
    // A standby needs the WAL since its base copy, and a file of WAL is written whole when a test begins anew.
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
