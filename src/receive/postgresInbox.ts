import type { ReceivedEvent } from "./event.ts";
import type { StopSignal } from "./exchange.ts";
import { type ClientOf, type InboxDatabase, type PgPool, throughPool } from "./inboxDatabase.ts";
import { type InboxSettings, type PostgresInboxOptions, readInboxOptions, storable } from "./inboxOptions.ts";
import { InboxSession } from "./inboxSession.ts";
import { type InboxStatements, inboxStatements } from "./inboxStatements.ts";
import { InboxSweeper } from "./inboxSweeper.ts";
import { momentOf } from "./moment.ts";
import { parkedEvent, parkedText } from "./parkedEvent.ts";
import { kindOf, ReceiveError } from "./receiveError.ts";
import type { Outcome, Store } from "./store.ts";
import { Turns } from "./turns.ts";

const PARKED_MAX = 100;

/** A store in Postgres, and what there is to do with the events that it parked. */
export interface PostgresInbox<Tx> extends Store<Tx> {
  /** Parked events, at most `limit` (default: 100), those that came first before the others. */
  parked(limit?: number): Promise<readonly ReceivedEvent[]>;
  /**
   * Runs `handle` with a parked event, in a transaction after which it counts as handled. False if there is no such event,
   * or it is being released already. Rejects with what `handle` rejected with; the event then stays parked.
   */
  release(
    eventId: string,
    handle: (event: ReceivedEvent, context: { readonly transaction: Tx }) => Promise<void> | void,
  ): Promise<boolean>;
  /** Deletes all that is older than the retention, and resolves with the number of events. Need not be called. */
  sweep(): Promise<number>;
}

/**
 * Remembers events in the tables of `inboxSql()`. The handler runs in the transaction that inserts the event's id, and
 * gets its client: what it writes through that is committed exactly once, whatever fails.
 *
 * Takes a pool of node-postgres, or two functions for any other library.
 */
export function postgresInbox<Pool extends PgPool>(
  pool: Pool,
  options?: PostgresInboxOptions,
): PostgresInbox<ClientOf<Pool>>;
export function postgresInbox<Tx>(database: InboxDatabase<Tx>, options?: PostgresInboxOptions): PostgresInbox<Tx>;
export function postgresInbox(
  given: PgPool | InboxDatabase<unknown>,
  options: PostgresInboxOptions = {},
): PostgresInbox<unknown> {
  const settings = readInboxOptions(options);
  return isPool(given) ? new Inbox(throughPool(given), settings) : new Inbox(given, settings);
}

function isPool(given: PgPool | InboxDatabase<unknown>): given is PgPool {
  if (typeof given === "object" && given !== null) {
    if ("totalCount" in given && "connect" in given) {
      return true;
    }
    if ("transaction" in given && typeof given.query === "function") {
      return false;
    }
  }
  throw new ReceiveError(
    "bad_options",
    `cannot keep an inbox through this: it is ${kindOf(given)}, and no pool of node-postgres; pass one, or { transaction, query } for another library`,
  );
}

class Inbox<Tx> implements PostgresInbox<Tx> {
  readonly #settings: InboxSettings;
  readonly #session: InboxSession<Tx>;
  readonly #statements: InboxStatements;
  readonly #sweeper: InboxSweeper<Tx>;
  readonly #byId: Turns;
  readonly #byKey: Turns;

  constructor(database: InboxDatabase<Tx>, settings: InboxSettings) {
    const { receiver, retention, onProblem } = settings;
    this.#settings = settings;
    this.#session = new InboxSession(database);
    this.#statements = inboxStatements(settings.tables, settings.waitMs);
    this.#byId = new Turns(settings.waitMs);
    this.#byKey = new Turns(settings.waitMs);
    const { forget, forgetKeys } = this.#statements;
    const statements = settings.lateEvents === "handle" ? ([forget] as const) : ([forget, forgetKeys] as const);
    this.#sweeper = new InboxSweeper(this.#session, { receiver, retention, statements, onProblem });
  }

  async once(event: ReceivedEvent, handle: (transaction: Tx) => Promise<void>, signal?: StopSignal): Promise<Outcome> {
    const key = this.#settings.keyOf(event);
    const receive = (transaction: Tx) => this.#receive(transaction, event, key, handle);
    const work = () => this.#session.transaction(receive, signal);
    const outcome = await this.#byId.take(event.id, () => (key === undefined ? work() : this.#byKey.take(key, work)));
    if (outcome !== "duplicate") {
      await this.#sweeper.nowAndThen(event.id);
    }
    return outcome;
  }

  async isRemembered({ id }: ReceivedEvent): Promise<boolean> {
    const found = await this.#session.ask(this.#statements.find, [this.#settings.receiver, storable("id", id)]);
    return found.length > 0;
  }

  async parked(limit: number = PARKED_MAX): Promise<readonly ReceivedEvent[]> {
    const texts = await this.#session.ask(this.#statements.parked, [this.#settings.receiver, String(limit)]);
    return texts.map(parkedEvent);
  }

  release(
    eventId: string,
    handle: (event: ReceivedEvent, context: { readonly transaction: Tx }) => Promise<void> | void,
  ): Promise<boolean> {
    return this.#session.transaction(async (transaction) => {
      const place = [this.#settings.receiver, eventId];
      const [text] = await this.#session.send(transaction, this.#statements.lockParked, place);
      if (text === undefined) {
        return false;
      }
      await handle(parkedEvent(text), { transaction });
      await this.#check(transaction, eventId);
      await this.#session.send(transaction, this.#statements.release, place);
      return true;
    });
  }

  sweep(): Promise<number> {
    return this.#sweeper.all();
  }

  async #receive(
    transaction: Tx,
    event: ReceivedEvent,
    key: string | undefined,
    handle: (transaction: Tx) => Promise<void>,
  ): Promise<Outcome> {
    const state = await this.#remember(transaction, event, key);
    switch (state) {
      case "new":
        await handle(transaction);
        await this.#check(transaction, event.id);
        return "handled";
      case "late":
        return this.#setAside(transaction, event);
      case "duplicate":
        return "duplicate";
      default:
        throw new ReceiveError(
          "bad_options",
          "cannot remember an event: query returned no row of the statement; let it return the rows, or what has them",
        );
    }
  }

  async #remember(transaction: Tx, event: ReceivedEvent, key: string | undefined): Promise<string | undefined> {
    const { remember, rememberWithKey } = this.#statements;
    const values = [this.#settings.receiver, storable("id", event.id), event.type.replaceAll("\0", "\ufffd")];
    const [state] =
      key === undefined
        ? await this.#session.send(transaction, remember, values)
        : await this.#session.send(transaction, rememberWithKey, [...values, storable("key", key), timeOf(event)]);
    return state;
  }

  async #setAside(transaction: Tx, event: ReceivedEvent): Promise<Outcome> {
    const place = [this.#settings.receiver, event.id];
    if (this.#settings.lateEvents === "park") {
      await this.#session.send(transaction, this.#statements.park, [parkedText(event), ...place]);
      return "parked";
    }
    await this.#session.send(transaction, this.#statements.drop, place);
    return "dropped";
  }

  /**
   * Whether the transaction is still the one that began, and can be committed. A commit after a failed statement rolls back,
   * and no library reports that: the event would count as handled, and nothing of it would be there.
   */
  async #check(transaction: Tx, eventId: string): Promise<void> {
    const [setting] = await this.#session.send(transaction, this.#statements.check, []).catch((cause) => {
      throw new ReceiveError(
        "transaction_failed",
        `cannot commit what the handler of event ${eventId} did: a statement in its transaction had failed, and it went on; let that error out of the handler, or use a savepoint`,
        { cause },
      );
    });
    if (setting !== eventId) {
      throw new ReceiveError(
        "transaction_ended",
        `cannot say that the handler of event ${eventId} ran once: it ended the transaction that it was given; leave commit and rollback to the inbox`,
      );
    }
  }
}

function timeOf({ id, timestamp }: ReceivedEvent): string {
  if (momentOf(timestamp) === undefined) {
    throw new ReceiveError(
      "not_storable",
      `cannot tell whether the event ${id} is late: its timestamp is not one; let keyOf return undefined for it`,
    );
  }
  return timestamp;
}
