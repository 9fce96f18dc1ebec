import { type Connection, type ConnectionConfig, openConnection } from "../../db/connect.ts";
import { defineStatement } from "../../db/statements.ts";
import { messageOf } from "../../ground/errors.ts";

/** The server ends a session that has been silent for so long: a frozen daemon, a dead link. */
export const IDLE_SESSION_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 1_500;

const fallAsleep = defineStatement("fall_asleep", {
  params: { wasAwake: "boolean", formerPids: "integer[]" },
  columns: { outcome: ["napping", "sleeping", "drowsy", null] },
});
const wakePeers = defineStatement("wake_peers", { params: {}, columns: { pg_notify: "void" } });
const testListener = defineStatement("test_listener", {
  params: { channel: "text", payload: "text" },
  columns: { pg_notify: "void" },
});
const stepAside = defineStatement("step_aside", {
  params: { heldGate: "boolean" },
  columns: { given_up: "boolean" },
});
const stayAwake = defineStatement("stay_awake", {
  params: { heldGate: "boolean" },
  columns: { gate_opened: "boolean?", awake: "boolean", pid: "integer" },
});

/**
 * One connection that holds a daemon's locks of the wake protocol (session.ts). They belong to its session, and go when
 * the connection does.
 */
export class Gate {
  /** Resolves with the reason when the connection is in doubt. */
  readonly lost: Promise<string>;
  /** The process of the session, at the server. */
  readonly pid: number;
  readonly #connection: Connection;
  readonly #lose: (reason: string) => void;
  readonly #pingTimer: NodeJS.Timeout;
  /** The last of the statements that wait for each other: node-postgres must be given one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** Opens as the gate of a daemon that is awake. Rejects if the server cannot be reached or takes no writes. */
  static async open(config: ConnectionConfig): Promise<Gate> {
    const connection = await openConnection({ config, purpose: "wake", ownSession: true });
    try {
      await connection.query(`set idle_session_timeout = ${IDLE_SESSION_TIMEOUT_MS}`);
      const { rows } = await connection.run(stayAwake, { heldGate: false });
      return new Gate(connection, rows[0]?.pid ?? 0);
    } catch (thrown) {
      await endQuietly(connection);
      throw thrown;
    }
  }

  private constructor(connection: Connection, pid: number) {
    this.#connection = connection;
    this.pid = pid;
    const lost = Promise.withResolvers<string>();
    this.lost = lost.promise;
    this.#lose = lost.resolve;
    connection.onEnd(() => this.#lose("the connection ended"));
    this.#pingTimer = setInterval(() => void this.#ping(), PING_INTERVAL_MS);
  }

  /** Resolves when the statements sent so far are done. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Ends the session; at once if a statement is in progress. */
  async close(): Promise<void> {
    clearInterval(this.#pingTimer);
    await endQuietly(this.#connection);
  }

  /** Null if the connection was lost. */
  async fallAsleep(
    wasAwake: boolean,
    formerPids: readonly number[],
  ): Promise<"napping" | "sleeping" | "drowsy" | null> {
    return await this.#send(async (connection) => {
      const { rows } = await connection.run(fallAsleep, { wasAwake, formerPids });
      return rows[0]?.outcome ?? null;
    });
  }

  async stayAwake(heldGate: boolean): Promise<void> {
    await this.#send((connection) => connection.run(stayAwake, { heldGate }));
  }

  async stepAside(heldGate: boolean): Promise<void> {
    await this.#send((connection) => connection.run(stepAside, { heldGate }));
  }

  async wakePeers(): Promise<void> {
    await this.#send((connection) => connection.run(wakePeers, {}));
  }

  async testListener(channel: string, payload: string): Promise<void> {
    await this.#send((connection) => connection.run(testListener, { channel, payload }));
  }

  /**
   * Also asks whether the server still takes writes: one that was demoted keeps its connections, and notifies of nothing.
   * And whether the session is still the one that holds the locks.
   */
  async #ping(): Promise<void> {
    await this.#send(async (connection) => {
      const { rows } = await connection.query<{ read_only: string; pid: number }>(
        "select pg_catalog.current_setting('transaction_read_only') as read_only, pg_catalog.pg_backend_pid() as pid",
      );
      if (rows[0]?.read_only === "on") {
        this.#lose("the server takes no writes any more");
      } else if (rows[0]?.pid !== this.pid) {
        this.#lose("a pooler gave it another session; set POSTRIDER_LISTEN_URL to a direct connection");
      }
    });
  }

  /** Sends a statement when those before it are done. Resolves with null if the connection was lost. */
  async #send<Result>(statement: (connection: Connection) => Promise<Result>): Promise<Result | null> {
    const turn = this.#last.then(async () => {
      try {
        return await statement(this.#connection);
      } catch (thrown) {
        this.#lose(messageOf(thrown));
        return null;
      }
    });
    this.#last = turn;
    return turn;
  }
}

async function endQuietly(connection: Connection): Promise<void> {
  try {
    await connection.end();
  } catch {
    // It is lost already. Its locks go with the session, at the latest when that times out.
  }
}
