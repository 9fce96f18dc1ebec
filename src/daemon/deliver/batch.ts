import { randomUUID } from "node:crypto";
import type { Attempt } from "../../domain/attempt.ts";
import type { Batch, Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { discarded, eventGone, handedBack } from "./attempt.ts";

/**
 * One result for each delivery of a batch, from that of the delivery that stands for it. Each attempt has an id, because it
 * is a row. What the receiver answered is kept once, with the first: a thousand copies of it would be 16 MB to record. So are
 * the bytes that were sent counted once.
 */
export function resultsOf(result: DeliveryResult, { members }: Batch): readonly DeliveryResult[] {
  const { attempt } = result;
  return members.map((delivery, place) => ({
    ...result,
    delivery,
    bodyBytes: place === 0 ? result.bodyBytes : 0,
    attempt: attempt === null || place === 0 ? attempt : withoutAnswer(attempt),
  }));
}

function withoutAnswer(attempt: Attempt): Attempt {
  return { ...attempt, id: randomUUID(), responseHeaders: null, responseBody: null };
}

/** One of its events was cancelled before the batch was sent. The others return to the queue, as a batch with another id. */
export function resultsWithout({ members }: Batch, eventId: string, reason: string): readonly DeliveryResult[] {
  return members.map((delivery) =>
    delivery.event.id === eventId ? discarded(delivery, reason) : handedBack(delivery),
  );
}

/** Whether all of it can be sent: an event may have been erased, or deleted by hand, since it was locked. */
export function isWhole({ members }: Batch): boolean {
  return members.every(({ event }) => event.payload !== null);
}

/** Without those that are gone it is another batch, which the queue makes. */
export function resultsOfBroken({ members }: Batch): readonly DeliveryResult[] {
  return members.map((delivery) =>
    delivery.event.eventType === "" ? eventGone(delivery) : takenOut(handedBack(delivery)),
  );
}

/** Those that `mustWait` do so alone, and the others are another batch. */
export function resultsApart(
  { members }: Batch,
  mustWait: (delivery: Delivery) => boolean,
  wait: (delivery: Delivery) => DeliveryResult,
): readonly DeliveryResult[] {
  return members.map((delivery) => takenOut(mustWait(delivery) ? wait(delivery) : handedBack(delivery)));
}

function takenOut(result: DeliveryResult): DeliveryResult {
  const { decision } = result;
  return decision.state === "pending" ? { ...result, decision: { ...decision, leavesBatch: true } } : result;
}
