import type { StopSignal } from "./exchange.ts";
import type { InboxDatabase } from "./inboxDatabase.ts";
import type { Pieces } from "./inboxStatements.ts";
import { ReceiveError } from "./receiveError.ts";

/** Postgres's code for a table that is not there. */
const UNDEFINED_TABLE = "42P01";

/** Sends the statements of an inbox, and reads their one column. */
export class InboxSession<Tx> {
  readonly #database: InboxDatabase<Tx>;

  constructor(database: InboxDatabase<Tx>) {
    this.#database = database;
  }

  /** Resolves with what `work` resolved with, once that is committed. */
  async transaction<Result>(work: (transaction: Tx) => Promise<Result>, signal?: StopSignal): Promise<Result> {
    let done: { readonly result: Result } | undefined;
    await this.#database.transaction(async (transaction) => {
      done = { result: await work(transaction) };
    }, signal);
    if (done === undefined) {
      throw new ReceiveError(
        "bad_options",
        "cannot tell what became of an event: the adapter's transaction ended before its work; let it await that",
      );
    }
    return done.result;
  }

  async send(transaction: Tx, statement: Pieces, values: readonly string[]): Promise<readonly string[]> {
    const result = await this.#query(transaction, statement, values);
    const rows = "rows" in result ? result.rows : result;
    return rows.map(stateOf);
  }

  async #query(transaction: Tx, statement: Pieces, values: readonly string[]) {
    try {
      return await this.#database.query(transaction, statement, values);
    } catch (cause) {
      throw hasCode(cause, UNDEFINED_TABLE) ? noTables(cause) : cause;
    }
  }

  /** In a transaction of its own. */
  ask(statement: Pieces, values: readonly string[]): Promise<readonly string[]> {
    return this.transaction((transaction) => this.send(transaction, statement, values));
  }
}

function stateOf(row: unknown): string {
  return String((row as { readonly state: unknown }).state);
}

/** Libraries wrap the error of the driver: Drizzle as its cause, Prisma as what it calls meta. */
function hasCode(thrown: unknown, code: string): boolean {
  if (typeof thrown !== "object" || thrown === null) {
    return false;
  }
  const { cause, meta } = thrown as { readonly cause?: unknown; readonly meta?: unknown };
  return ("code" in thrown && thrown.code === code) || hasCode(cause, code) || hasCode(meta, code);
}

function noTables(cause: unknown): ReceiveError {
  return new ReceiveError(
    "no_tables",
    "cannot remember an event: the tables of the inbox are not there, or not on the search_path; run the SQL that inboxSql() returns in a migration, or name their schema with the option schema",
    { cause },
  );
}
