import { type ExpectedEvent, expectationOf, shortened } from "./expectation.ts";
import { type Delivery, type Mark, type PublishedEvent, readEvents, readMark, takeDeliveries } from "./outbox.ts";
import type { Database, Transaction } from "./transaction.ts";

/**
 * `postrider/publish/testing`: what a test asks about the events that the code under test published, in a transaction
 * that the test rolls back at its end, and without a daemon. It reads the outbox itself, so an event counts whether it
 * came from `publish`, an insert or a trigger. It has no dependency, and belongs to no test runner.
 */

export type { ExpectedEvent } from "./expectation.ts";
export type { Delivery, Mark, PublishedEvent } from "./outbox.ts";
export type { Database, Transaction } from "./transaction.ts";

/** For code that commits by itself: the events that were committed after the mark. */
export interface SinceMark {
  readonly since: Mark;
}

/** What a test does with a delivery, such as calling the code that receives it. A promise is awaited. */
export type Deliver = (delivery: Delivery) => unknown;

/** An assertion that does not hold. Test runners compare `actual` with `expected`. */
export class AssertionError extends Error {
  readonly code = "ERR_ASSERTION";
  readonly actual: unknown;
  readonly expected: unknown;

  constructor(message: string, actual: unknown, expected: unknown) {
    super(message);
    this.name = "AssertionError";
    this.actual = actual;
    this.expected = expected;
  }
}

/** How many events a message lists. */
const LISTED_MAX = 20;

/**
 * Resolves with the events that the transaction has published so far, in their order, except for those of savepoints that
 * were rolled back.
 */
export function publishedEvents(transaction: Transaction): Promise<PublishedEvent[]>;
export function publishedEvents(through: Transaction | Database, options: SinceMark): Promise<PublishedEvent[]>;
export async function publishedEvents(through: unknown, options?: SinceMark): Promise<PublishedEvent[]> {
  return readEvents(through, options);
}

/**
 * Resolves with the transaction's events that are like this. If there are none, rejects with an AssertionError that lists
 * what was published, and says of each event what is different.
 *
 * ```ts
 * await assertPublished(tx, { eventType: "order.paid", payload: { order_id: 42 } });
 * ```
 */
export function assertPublished(transaction: Transaction, expected: ExpectedEvent): Promise<PublishedEvent[]>;
export function assertPublished(
  through: Transaction | Database,
  expected: ExpectedEvent,
  options: SinceMark,
): Promise<PublishedEvent[]>;
export async function assertPublished(
  through: unknown,
  expected: ExpectedEvent,
  options?: SinceMark,
): Promise<PublishedEvent[]> {
  const { text, differenceFrom } = expectationOf(expected);
  const events = await readEvents(through, options);
  const found = events.filter((event) => differenceFrom(event) === null);
  if (found.length > 0) {
    return found;
  }
  const lines = events.map((event) => `${shown(event)}: ${differenceFrom(event)}`);
  throw new AssertionError(`expected an event like ${text}; ${published(lines, options)}`, events, expected);
}

/** Rejects with an AssertionError that lists them, if the transaction published events like this. */
export function assertNotPublished(transaction: Transaction, expected: ExpectedEvent): Promise<void>;
export function assertNotPublished(
  through: Transaction | Database,
  expected: ExpectedEvent,
  options: SinceMark,
): Promise<void>;
export async function assertNotPublished(
  through: unknown,
  expected: ExpectedEvent,
  options?: SinceMark,
): Promise<void> {
  const { text, differenceFrom } = expectationOf(expected);
  const events = await readEvents(through, options);
  const found = events.filter((event) => differenceFrom(event) === null);
  if (found.length > 0) {
    throw new AssertionError(
      `expected no event like ${text}; ${published(found.map(shown), options)}`,
      found,
      expected,
    );
  }
}

/**
 * Hands each delivery that waits now to `deliver`, one after the other in the order of the events, and resolves with all
 * of them. They are what a daemon would send if the transaction were committed now: each event, for each endpoint of its
 * tenant whose subscriptions match. What is due later, or is for a paused endpoint, keeps waiting.
 *
 * Nothing is sent, signed or recorded. Within a transaction each delivery is handed over once. What is published
 * meanwhile waits for the next drain. If `deliver` rejects, so does `drain`.
 */
export function drain(transaction: Transaction, deliver?: Deliver): Promise<Delivery[]>;
export function drain(through: Transaction | Database, deliver: Deliver, options: SinceMark): Promise<Delivery[]>;
export async function drain(through: unknown, deliver?: Deliver, options?: SinceMark): Promise<Delivery[]> {
  const deliveries = await takeDeliveries(through, options);
  for (const delivery of deliveries) {
    await deliver?.(delivery);
  }
  return deliveries;
}

/** Resolves with a mark, to be taken before the code under test runs. */
export async function markOutbox(through: Transaction | Database): Promise<Mark> {
  return readMark(through);
}

function shown({ eventType, json, tenant }: PublishedEvent): string {
  return `${eventType} ${shortened(json)}${tenant === "" ? "" : ` of the tenant ${JSON.stringify(tenant)}`}`;
}

function published(lines: readonly string[], options: SinceMark | undefined): string {
  if (lines.length === 0) {
    return options?.since === undefined
      ? "this transaction published nothing; pass { since: mark } if the code under test commits by itself"
      : "nothing was published since the mark";
  }
  const more = lines.length > LISTED_MAX ? [`and ${lines.length - LISTED_MAX} more`] : [];
  const listed = [...lines.slice(0, LISTED_MAX), ...more].map((line) => `\n  ${line}`);
  return `published ${lines.length === 1 ? "was" : "were"}:${listed.join("")}`;
}
