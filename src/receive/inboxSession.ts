import type { InboxDatabase } from "./inboxDatabase.ts";
import type { Pieces } from "./inboxStatements.ts";
import { ReceiveError } from "./receiveError.ts";

/** Sends the statements of an inbox, and reads their one column. */
export class InboxSession<Tx> {
  readonly #database: InboxDatabase<Tx>;

  constructor(database: InboxDatabase<Tx>) {
    this.#database = database;
  }

  /** Resolves with what `work` resolved with, once that is committed. */
  async transaction<Result>(work: (transaction: Tx) => Promise<Result>): Promise<Result> {
    let done: { readonly result: Result } | undefined;
    await this.#database.transaction(async (transaction) => {
      done = { result: await work(transaction) };
    });
    if (done === undefined) {
      throw new ReceiveError(
        "bad_options",
        "cannot tell what became of an event: the adapter's transaction ended before its work; let it await that",
      );
    }
    return done.result;
  }

  async send(transaction: Tx, statement: Pieces, values: readonly string[]): Promise<readonly string[]> {
    const result = await this.#database.query(transaction, statement, values);
    const rows = "rows" in result ? result.rows : result;
    return rows.map(stateOf);
  }

  /** In a transaction of its own. */
  ask(statement: Pieces, values: readonly string[]): Promise<readonly string[]> {
    return this.transaction((transaction) => this.send(transaction, statement, values));
  }
}

function stateOf(row: unknown): string {
  return String((row as { readonly state: unknown }).state);
}
