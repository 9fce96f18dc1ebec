import type { StopSignal } from "./exchange.ts";
import type { Pieces } from "./inboxStatements.ts";

/** How an inbox reaches Postgres: what the library does in an application, in two functions. */
export interface InboxDatabase<Tx> {
  /**
   * Begins a transaction and runs `work` in it; commits when that resolves, rolls back and rejects when it rejects. When
   * `signal` is aborted, `work` is a handler that has run out of time; it may be left alone if its connection is closed.
   */
  transaction(work: (transaction: Tx) => Promise<void>, signal?: StopSignal): PromiseLike<unknown>;
  /** Sends a statement through the transaction; `pieces` and `values` are what a tagged template gets. */
  query(transaction: Tx, pieces: Pieces, values: readonly (string | null)[]): PromiseLike<QueryResult>;
}

/** The rows, or what has them. */
export type QueryResult = readonly unknown[] | { readonly rows: readonly unknown[] };

/** The part of a client of node-postgres that an inbox uses. */
export interface PgClient {
  query(text: string, values?: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }>;
  on(name: "error", listener: (error: Error) => void): unknown;
  removeListener(name: "error", listener: (error: Error) => void): unknown;
  release(destroy?: boolean): void;
}

/** A pool of node-postgres, or what has its interface. */
export interface PgPool {
  /** Only a pool has it. A single client would mix the transactions of requests that come at the same time. */
  readonly totalCount: number;
  connect(): Promise<PgClient>;
}

/** What a pool gives out: `pg.PoolClient`. Pools declare `connect` twice, with and without a callback. */
export type ClientOf<Pool extends PgPool> = Pool extends {
  connect: { (): Promise<infer Client>; (callback: never): void };
}
  ? Client
  : Awaited<ReturnType<Pool["connect"]>>;

/** An inbox's way through a pool of node-postgres. */
export function throughPool<Client extends PgClient>(pool: { connect(): Promise<Client> }): InboxDatabase<Client> {
  return {
    transaction: (work, signal) => inTransaction(pool, work, signal),
    query: (client, pieces, values) => client.query(numbered(pieces), [...values]),
  };
}

async function inTransaction<Client extends PgClient>(
  pool: { connect(): Promise<Client> },
  work: (client: Client) => Promise<void>,
  signal: StopSignal | undefined,
): Promise<void> {
  const client = await pool.connect();
  let isBroken = false;
  // The pool listens only to idle clients. A connection that breaks while a handler does something else would end the
  // process; so the next statement says it.
  const note = (): void => {
    isBroken = true;
  };
  client.on("error", note);
  try {
    await client.query("begin");
    await Promise.race([work(client), aborted(signal)]);
    await client.query("commit");
  } catch (thrown) {
    if (signal?.aborted) {
      // The handler may still be running. A rollback would wait for its statement, and the next one would be another transaction's.
      isBroken = true;
    } else {
      await client.query("rollback").catch(note);
    }
    throw thrown;
  } finally {
    client.removeListener("error", note);
    client.release(isBroken);
  }
}

/** Rejects then, so that nothing else waits for the work. */
function aborted(signal: StopSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("the handler has run out of time")));
  });
}

function numbered(pieces: Pieces): string {
  return pieces.reduce((text, piece, index) => `${text}$${index}${piece}`);
}
