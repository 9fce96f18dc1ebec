import { type EventOf, eventRow } from "./event.ts";
import { kindOf, PublishError } from "./publishError.ts";
import { statementForMany, statementForOne } from "./statement.ts";
import { activeTraceparent } from "./trace.ts";
import { type Database, sendThrough, type Transaction, type TransactionNeed } from "./transaction.ts";

/**
 * `postrider/publish`: inserts events in the caller's transaction, so they are committed together with the change that
 * they report, or not at all. It has no dependency, opens no connection and reads no setting.
 */

export type { Event, EventFields, EventOf } from "./event.ts";
export { PublishError, type PublishErrorCode } from "./publishError.ts";
export type {
  Database,
  DrizzleTransaction,
  KyselyTransaction,
  PgTransaction,
  PostgresJsTransaction,
  PrismaTransaction,
  Transaction,
} from "./transaction.ts";

/** Any event types, with any payloads. */
export type AnyEvents = Readonly<Record<string, unknown>>;

/** Without a transaction the event is committed alone: it stays if the change is undone, and a crash in between loses it. */
export interface WithoutTransaction {
  readonly transaction: "optional";
}

/** `publish` and `publishMany` with the event types of a catalogue. */
export interface Publisher<Events extends object> {
  /**
   * Inserts an event in the transaction and resolves with its id, or with the id of the first event that had its
   * idempotency key. Rejects with PublishError for mistakes that are found before sending, and with the library's error
   * for what Postgres refuses.
   *
   * ```ts
   * await publish(tx, { eventType: "order.paid", payload: { order_id: 42 } });
   * ```
   */
  publish(transaction: Transaction, event: EventOf<Events>): Promise<string>;
  publish(through: Transaction | Database, event: EventOf<Events>, options: WithoutTransaction): Promise<string>;

  /**
   * Inserts events in this order, by one statement, and resolves with their ids in the same order. Takes at most 10,000
   * events and 128 Mi characters; for more, call it several times in the transaction.
   */
  publishMany(transaction: Transaction, events: readonly EventOf<Events>[]): Promise<string[]>;
  publishMany(
    through: Transaction | Database,
    events: readonly EventOf<Events>[],
    options: WithoutTransaction,
  ): Promise<string[]>;
}

/** The limit of one statement. It keeps every text below the longest that this process and Postgres can hold. */
const BATCH_EVENTS_MAX = 10_000;
const BATCH_CHARACTERS_MAX = 128 * 1024 * 1024;

/**
 * The same two functions, restricted to the event types of `Events` and their payloads.
 *
 * ```ts
 * import type { EventTypes } from "./postrider-events.ts"; // postrider types --output postrider-events.ts
 * const { publish, publishMany } = createPublisher<EventTypes>();
 * ```
 */
export function createPublisher<Events extends object>(): Publisher<Events> {
  return { publish: publishOne, publishMany: publishAll };
}

export const { publish, publishMany } = createPublisher<AnyEvents>();

interface Options {
  readonly transaction?: TransactionNeed;
}

async function publishOne(through: unknown, event: unknown, options: Options = {}): Promise<string> {
  const send = sendThrough(through, needOf(options));
  const rows = await send(statementForOne(eventRow(event, "the event", activeTraceparent())));
  refuseOtherCount(rows, 1);
  return idOf(rows[0]);
}

async function publishAll(through: unknown, events: readonly unknown[], options: Options = {}): Promise<string[]> {
  const send = sendThrough(through, needOf(options));
  if (!Array.isArray(events)) {
    throw new PublishError("bad_event", `cannot publish these events: they are ${kindOf(events)}; pass an array`);
  }
  if (events.length === 0) {
    return [];
  }
  refuseLarge("events", events.length, BATCH_EVENTS_MAX);
  const traceparent = activeTraceparent();
  const rows = events.map((event, index) => eventRow(event, `event ${index}`, traceparent));
  refuseLarge(
    "characters",
    rows.reduce((sum, { payload, attributes }) => sum + payload.length + (attributes?.length ?? 0), 0),
    BATCH_CHARACTERS_MAX,
  );
  const inserted = await send(statementForMany(rows));
  refuseOtherCount(inserted, rows.length);
  return inserted.map(idOf);
}

function needOf({ transaction = "required" }: Options): TransactionNeed {
  if (transaction !== "required" && transaction !== "optional") {
    throw new PublishError(
      "bad_event",
      `cannot publish: the option transaction is ${JSON.stringify(transaction)}; it is "optional", or left out`,
    );
  }
  return transaction;
}

function refuseLarge(what: "events" | "characters", count: number, max: number): void {
  if (count > max) {
    throw new PublishError(
      "batch_too_large",
      `cannot publish so much at once: it is ${count} ${what}, and ${max} are allowed; call it several times in the transaction`,
    );
  }
}

function refuseOtherCount(rows: readonly unknown[], count: number): void {
  if (rows.length !== count) {
    throw noIds(`${count} events were sent, and ${rows.length} rows came back`);
  }
}

function idOf(row: unknown): string {
  const id = (row as { readonly id?: unknown } | null | undefined)?.id;
  if (typeof id !== "string") {
    throw noIds(`the id that came back is ${kindOf(id)}`);
  }
  return id;
}

function noIds(found: string): PublishError {
  return new PublishError(
    "no_ids",
    `cannot tell which ids the events have: ${found}; roll back, and look for what changes results on their way, such as a plugin`,
  );
}
