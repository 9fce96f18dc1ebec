import { type ConnectionConfig, connectionConfig } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { SessionPool } from "../db/sessionPool.ts";
import { Sockets } from "../db/sockets.ts";
import { endsWithin } from "../ground/endsWithin.ts";

/** None is opened before a request needs it, and those that have been idle for minutes are closed. */
const LISTENER_CONNECTIONS_MAX = 2;
/** A statement in progress may end within this time; then its connection is cut. */
const STOP_MS = 1_000;

export interface ListenerDatabaseOptions {
  readonly databaseUrl: string | null;
  readonly databaseUrlFile: string | null;
  readonly preparedStatements: boolean | null;
}

/** Postgres for requests to the listener. They share no connection with the daemon, so none of them can keep it waiting. */
export class ListenerDatabase extends Database {
  /** The same connections, with time to read a large payload. */
  readonly payloads: Database;
  readonly #sockets: Sockets;

  constructor(options: ListenerDatabaseOptions) {
    const { databaseUrl, databaseUrlFile: urlFile, preparedStatements } = options;
    const sockets = new Sockets();
    const config: ConnectionConfig = connectionConfig({ databaseUrl, urlFile, applicationName: "postrider" });
    const sessions = new SessionPool({
      config: sockets.through(config),
      max: LISTENER_CONNECTIONS_MAX,
      preparedStatements: preparedStatements ?? undefined,
    });
    super({ sessions, purpose: "listen" });
    this.payloads = new Database({ sessions, purpose: "payload" });
    this.#sockets = sockets;
  }

  /** Closes every connection, soon. */
  async stop(): Promise<void> {
    await endsWithin(this.end(), STOP_MS);
    this.#sockets.cut();
  }
}
