import { BinaryArray } from "../../db/binaryArray.ts";
import type { Attempt } from "../../domain/attempt.ts";
import type { Decision, DeliveryResult } from "../../domain/delivery.ts";

/** What `postrider_internal.record_results` takes of each result, as columns. */
export function columnsOf(results: readonly DeliveryResult[]) {
  const count = results.length;
  const columns = {
    eventIds: new BinaryArray("uuid", count),
    endpointIds: new BinaryArray("uuid", count),
    claimIds: new BinaryArray("bigint", count),
    attemptsBefore: new BinaryArray("integer", count),
    attemptIds: new BinaryArray("uuid", count),
    startedMs: new BinaryArray("double precision", count),
    durationsMs: new BinaryArray("integer", count),
    statuses: new BinaryArray("smallint", count),
    requests: new BinaryArray("smallint", count),
    endpointRevisions: new BinaryArray("bigint", count),
    failureKinds: new BinaryArray("text", count),
    errors: new BinaryArray("text", count),
    responseHeaders: new BinaryArray("json", count),
    responseBodies: new BinaryArray("text", count),
    states: new BinaryArray("text", count),
    waitsMs: new BinaryArray("bigint", count),
    reasons: new BinaryArray("text", count),
  };
  for (const { delivery, attempt, decision, endpointRevision } of results) {
    const { tenure } = delivery;
    columns.eventIds.addUuid(delivery.event.id);
    columns.endpointIds.addUuid(delivery.endpointId);
    columns.claimIds.addBigint(tenure.kind === "claimed" ? tenure.claimId : null);
    columns.attemptsBefore.addInteger(delivery.attempts);
    columns.attemptIds.addUuid(attempt === null ? null : attempt.id);
    columns.startedMs.addDouble(attempt === null ? null : attempt.startedAtMs);
    columns.durationsMs.addInteger(attempt === null ? null : attempt.durationMs);
    columns.statuses.addSmallint(attempt === null ? null : attempt.httpStatus);
    columns.requests.addSmallint(attempt === null || attempt.requests === 1 ? null : attempt.requests);
    columns.endpointRevisions.addBigint(attempt === null ? null : endpointRevision);
    columns.failureKinds.addText(attempt === null ? null : attempt.failureKind);
    columns.errors.addText(attempt === null ? null : attempt.error);
    columns.responseHeaders.addText(
      attempt === null || attempt.responseHeaders === null ? null : JSON.stringify(attempt.responseHeaders),
    );
    columns.responseBodies.addText(attempt === null ? null : attempt.responseBody);
    columns.states.addText(decision.state === "succeeded" ? null : decision.state);
    columns.waitsMs.addBigint(decision.state === "pending" ? String(Math.round(decision.waitMs)) : null);
    columns.reasons.addText(reasonOf(decision));
  }
  return {
    eventIds: columns.eventIds.toParameter(),
    endpointIds: columns.endpointIds.toParameter(),
    claimIds: columns.claimIds.toParameter(),
    attemptsBefore: columns.attemptsBefore.toParameter(),
    attemptIds: columns.attemptIds.toParameter(),
    startedMs: columns.startedMs.toParameter(),
    durationsMs: columns.durationsMs.toParameter(),
    statuses: columns.statuses.toParameter(),
    requests: columns.requests.toParameter(),
    endpointRevisions: columns.endpointRevisions.toParameter(),
    ...batchColumnsOf(results),
    failureKinds: columns.failureKinds.toParameter(),
    errors: columns.errors.toParameter(),
    responseHeaders: columns.responseHeaders.toParameter(),
    responseBodies: columns.responseBodies.toParameter(),
    states: columns.states.toParameter(),
    waitsMs: columns.waitsMs.toParameter(),
    reasons: columns.reasons.toParameter(),
  };
}

function reasonOf(decision: Decision): string | null {
  switch (decision.state) {
    case "discarded":
      return decision.reason;
    case "exhausted":
      return decision.reason ?? null;
    default:
      return null;
  }
}

/** Most flushes have no batch, and these parameters are null. */
function batchColumnsOf(results: readonly DeliveryResult[]) {
  if (results.every(({ delivery }) => delivery.batch === null)) {
    return { batchIds: null, alone: null };
  }
  const batchIds = new BinaryArray("uuid", results.length);
  const alone: number[] = [];
  for (const [at, { delivery, attempt, decision }] of results.entries()) {
    batchIds.addUuid(attempt === null ? null : (delivery.batch?.id ?? null));
    if (decision.state === "pending" && decision.leavesBatch === true) {
      alone.push(at + 1);
    }
  }
  return { batchIds: batchIds.toParameter(), alone };
}

/** With ? for every character beyond ASCII in what came from outside: every encoding of a database has the others. */
export function inAscii(result: DeliveryResult): DeliveryResult {
  const { attempt, decision } = result;
  return {
    ...result,
    attempt: attempt === null ? null : asciiAttempt(attempt),
    decision: decision.state === "discarded" ? { ...decision, reason: asciiText(decision.reason) } : decision,
  };
}

function asciiAttempt(attempt: Attempt): Attempt {
  const { error, responseHeaders, responseBody } = attempt;
  const headers = Object.entries(responseHeaders ?? {}).map(([name, value]) => [asciiText(name), asciiText(value)]);
  return {
    ...attempt,
    error: error === null ? null : asciiText(error),
    responseHeaders: responseHeaders === null ? null : Object.fromEntries(headers),
    responseBody: responseBody === null ? null : asciiText(responseBody),
  };
}

function asciiText(text: string): string {
  return text.replace(/[^\t\n\r -~]/gu, "?");
}

/** First without anything that came from outside, then without the attempt; null if there is no attempt either. */
export function reduced(result: DeliveryResult): DeliveryResult | null {
  const { attempt } = result;
  if (attempt === null) {
    return null;
  }
  const error = attempt.failureKind === null ? null : "the attempt failed; Postgres refused the details";
  if (attempt.responseHeaders === null && attempt.responseBody === null && attempt.error === error) {
    return { ...result, attempt: null };
  }
  return { ...result, attempt: { ...attempt, error, responseHeaders: null, responseBody: null } };
}
