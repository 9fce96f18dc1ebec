import pg from "pg";
import { beginText, clientConfig, prepareSession, type SessionOptions } from "./connect.ts";
import { classifyPostgresError } from "./pgErrors.ts";
import {
  type ParamsOf,
  type Queryable,
  queryable,
  type Result,
  type RowOf,
  type Statement,
  type StatementShape,
} from "./statements.ts";

const IDLE_TIMEOUT_MS = 300_000;
/** If the primary moves behind an unchanged name, that is noticed when the connections age out, at the latest. */
const LIFETIME_MAX_SECONDS = 1_800;

export interface DatabaseOptions extends SessionOptions {
  /** Connections at a time. */
  readonly max: number;
}

/**
 * A pool of connections with one purpose. Each has every deadline, runs in `read committed`, and leads to a PostgreSQL 15
 * or later that takes writes; if the server is another one, whatever is sent rejects with StandbyError or PR0007.
 */
export class Database implements Queryable {
  /** For the query builder, which takes connections itself. Everything else uses the methods. */
  readonly pool: pg.Pool;
  readonly #options: DatabaseOptions;
  readonly #direct: Queryable;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.pool = new pg.Pool({
      ...clientConfig(options),
      max: options.max,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      maxLifetimeSeconds: LIFETIME_MAX_SECONDS,
      onConnect: (client) => prepareSession(client, options),
    });
    // An idle connection was lost. The pool has dropped it, and without a listener the error would end the process.
    this.pool.on("error", () => {});
    this.#direct = queryable(this.pool, { preparedStatements: options.preparedStatements ?? true });
  }

  /** Sends a statement through any connection. */
  run<Shape extends StatementShape>(
    statement: Statement<Shape>,
    params: ParamsOf<Shape>,
  ): Promise<Result<RowOf<Shape>>> {
    return this.#send((through) => through.run(statement, params));
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<Result<Row>> {
    return this.#send((through) => through.query(text, values));
  }

  /**
   * Runs `work` in one transaction, in `read committed` whatever a role's or database's default says. Commits it, or
   * rolls it back if it only had to look.
   * Rejects with what `work` throws, after rolling back, or with the error of the commit. If that is of kind
   * "connection", the caller does not know whether it was done.
   */
  async transaction<Value>(
    work: (transaction: Queryable) => Promise<Value>,
    ending: "commit" | "rollback" = "commit",
  ): Promise<Value> {
    const client = await this.pool.connect();
    try {
      await client.query(beginText(this.#options));
      const value = await work(queryable(client, { preparedStatements: this.#options.preparedStatements ?? true }));
      const { command } = await client.query(ending);
      if (command !== ending.toUpperCase()) {
        // If an error in the transaction was swallowed, Postgres answers the commit with ROLLBACK, and no error.
        throw new Error(`the transaction was not committed: the server answered ${command}`);
      }
      client.release();
      return value;
    } catch (thrown) {
      client.release(await mustBeDiscarded(client, thrown));
      throw thrown;
    }
  }

  /** Waits for what is being sent, then closes every connection. */
  end(): Promise<void> {
    return this.pool.end();
  }

  /** A session that a pooler lends has its deadlines only inside a transaction, so every statement gets one there. */
  #send<Value>(send: (through: Queryable) => Promise<Value>): Promise<Value> {
    return this.#options.ownSession === false ? this.transaction(send) : send(this.#direct);
  }
}

async function mustBeDiscarded(client: pg.PoolClient, thrown: unknown): Promise<boolean> {
  if (classifyPostgresError(thrown).kind === "connection") {
    return true;
  }
  try {
    await client.query("rollback");
    return false;
  } catch {
    // The caller needs the first error; the connection is dropped.
    return true;
  }
}
