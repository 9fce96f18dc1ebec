import type { DeliveryResult } from "../../domain/delivery.ts";

/** What `postrider_internal.record_results` takes of each result, as columns. */
export function columnsOf(results: readonly DeliveryResult[]) {
  const columns = {
    eventIds: new Column(),
    endpointIds: new Column(),
    claimIds: new Column(),
    attemptsBefore: new Column(),
    attemptIds: new Column(),
    startedMs: new Column(),
    durationsMs: new Column(),
    statuses: new Column(),
    requests: new Column(),
    endpointRevisions: new Column(),
    failureKinds: new Column(),
    errors: new Column(),
    responseHeaders: new Column(),
    responseBodies: new Column(),
    states: new Column(),
    waitsMs: new Column(),
    reasons: new Column(),
  };
  for (const { delivery, attempt, decision, endpointRevision } of results) {
    const { tenure } = delivery;
    columns.eventIds.add(delivery.event.id);
    columns.endpointIds.add(delivery.endpointId);
    columns.claimIds.add(tenure.kind === "claimed" ? tenure.claimId : null);
    columns.attemptsBefore.add(delivery.attempts);
    columns.attemptIds.add(attempt === null ? null : attempt.id);
    columns.startedMs.add(attempt === null ? null : attempt.startedAtMs);
    columns.durationsMs.add(attempt === null ? null : attempt.durationMs);
    columns.statuses.add(attempt === null ? null : attempt.httpStatus);
    columns.requests.add(attempt === null || attempt.requests === 1 ? null : attempt.requests);
    columns.endpointRevisions.add(attempt === null ? null : endpointRevision);
    columns.failureKinds.add(attempt === null ? null : attempt.failureKind);
    columns.errors.addText(attempt === null ? null : attempt.error);
    columns.responseHeaders.addJson(attempt === null ? null : attempt.responseHeaders);
    columns.responseBodies.addText(attempt === null ? null : attempt.responseBody);
    columns.states.add(decision.state);
    columns.waitsMs.add(decision.state === "pending" ? Math.round(decision.waitMs) : null);
    columns.reasons.addText(decision.state === "discarded" ? decision.reason : null);
  }
  return {
    eventIds: columns.eventIds.text(),
    endpointIds: columns.endpointIds.text(),
    claimIds: columns.claimIds.text(),
    attemptsBefore: columns.attemptsBefore.text(),
    attemptIds: columns.attemptIds.text(),
    startedMs: columns.startedMs.text(),
    durationsMs: columns.durationsMs.text(),
    statuses: columns.statuses.text(),
    requests: columns.requests.text(),
    endpointRevisions: columns.endpointRevisions.text(),
    batchIds: null,
    failureKinds: columns.failureKinds.text(),
    errors: columns.errors.text(),
    responseHeaders: columns.responseHeaders.text(),
    responseBodies: columns.responseBodies.text(),
    states: columns.states.text(),
    waitsMs: columns.waitsMs.text(),
    reasons: columns.reasons.text(),
  };
}

/** The values of one column, written as the text of an array of Postgres. */
class Column {
  readonly #values: (string | number)[] = [];
  #isNull = true;

  /** An id, a number or a word, which need no quotes. */
  add(value: string | number | null): void {
    this.#isNull &&= value === null;
    this.#values.push(value ?? "null");
  }

  addText(value: string | null): void {
    this.add(value === null ? null : quoted(value));
  }

  /** JSON text has no control characters, so what quotes a string in JSON quotes it in an array, at half the cost. */
  addJson(value: Readonly<Record<string, string>> | null): void {
    this.add(value === null ? null : JSON.stringify(JSON.stringify(value)));
  }

  /** Null if all of it is null. */
  text(): string | null {
    return this.#isNull ? null : `{${this.#values.join(",")}}`;
  }
}

/** In quotes, each character stands for itself, except those two. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
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
