import type { PostgresPool } from "kysely";
import pg from "pg";
import { beginText, type Purpose, sendFor } from "./connect.ts";
import { classifyPostgresError } from "./pgErrors.ts";
import { type Session, SessionPool, type SessionPoolOptions } from "./sessionPool.ts";
import type { ParamsOf, Queryable, Result, RowOf, Statement, StatementShape } from "./statements.ts";

export interface DatabaseOptions extends SessionPoolOptions {
  readonly purpose: Purpose;
}

/**
 * Postgres through the sessions of a pool, for one purpose. Each has every deadline, runs in `read committed`, and leads
 * to a PostgreSQL 15 or later that takes writes; if the server is another one, whatever is sent rejects with StandbyError
 * or PR0007.
 */
export class Database implements Queryable {
  /** For the query builder, which takes connections itself. Everything else uses the methods. */
  readonly pool: PostgresPool;
  readonly #sessions: SessionPool;
  readonly #purpose: Purpose;

  /** Has its own pool, or shares one. */
  constructor(options: DatabaseOptions | { readonly sessions: SessionPool; readonly purpose: Purpose }) {
    this.#sessions = "sessions" in options ? options.sessions : new SessionPool(options);
    this.#purpose = options.purpose;
    this.pool = poolOf(this.#sessions, this.#purpose);
  }

  /** Connections that are open, being made or being closed. */
  get connectionCount(): number {
    return this.#sessions.count;
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
    return this.#transactionIn(await this.#sessions.lend(this.#purpose), work, ending);
  }

  /** Waits for what is being sent, then closes every connection of the pool. */
  end(): Promise<void> {
    return this.#sessions.end();
  }

  /** A session that a pooler lends has its deadlines only inside a transaction, so every statement gets one there. */
  async #send<Value>(send: (through: Queryable) => Promise<Value>): Promise<Value> {
    const session = await this.#sessions.lend(this.#purpose);
    if (!session.isOwn) {
      return this.#transactionIn(session, send, "commit");
    }
    try {
      const value = await send(session.through);
      this.#sessions.giveBack(session, true);
      return value;
    } catch (thrown) {
      this.#sessions.giveBack(session, isAnswer(thrown));
      throw thrown;
    }
  }

  async #transactionIn<Value>(
    session: Session,
    work: (transaction: Queryable) => Promise<Value>,
    ending: "commit" | "rollback",
  ): Promise<Value> {
    const { client, isOwn, purpose, through } = session;
    try {
      await sendFor(purpose, client, beginText(purpose, isOwn));
      const value = await work(through);
      const { command } = await sendFor(purpose, client, ending);
      if (command !== ending.toUpperCase()) {
        // If an error in the transaction was swallowed, Postgres answers the commit with ROLLBACK, and no error.
        throw new Error(`the transaction was not committed: the server answered ${command}`);
      }
      this.#sessions.giveBack(session, true);
      return value;
    } catch (thrown) {
      this.#sessions.giveBack(session, await isRolledBack(session, thrown));
      throw thrown;
    }
  }
}

/** What the query builder asks of a pool of node-postgres. */
function poolOf(sessions: SessionPool, purpose: Purpose): PostgresPool {
  return {
    options: {},
    async connect() {
      const session = await sessions.lend(purpose);
      return {
        query: session.client.query.bind(session.client),
        release: () => sessions.giveBack(session, true),
      };
    },
    end: () => sessions.end(),
  };
}

/** Whether the server answered with an error, after which the session can be used. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof pg.DatabaseError && classifyPostgresError(thrown).kind !== "connection";
}

async function isRolledBack({ client, purpose }: Session, thrown: unknown): Promise<boolean> {
  if (classifyPostgresError(thrown).kind === "connection") {
    return false;
  }
  try {
    await sendFor(purpose, client, "rollback");
    return true;
  } catch {
    // The caller needs the first error; the connection is dropped.
    return false;
  }
}
