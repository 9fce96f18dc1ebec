import type { DeliveryResult } from "../../domain/delivery.ts";

/** What `postrider_internal.record_results` takes of each result, as columns. */
export function columnsOf(results: readonly DeliveryResult[]) {
  return {
    eventIds: plainColumn(results, ({ delivery }) => delivery.event.id),
    endpointIds: plainColumn(results, ({ delivery }) => delivery.endpointId),
    claimIds: plainColumn(results, ({ delivery: { tenure } }) => (tenure.kind === "claimed" ? tenure.claimId : null)),
    attemptsBefore: plainColumn(results, ({ delivery }) => delivery.attempts),
    attemptIds: plainColumn(results, ({ attempt }) => attempt?.id ?? null),
    startedMs: plainColumn(results, ({ attempt }) => attempt?.startedAtMs ?? null),
    durationsMs: plainColumn(results, ({ attempt }) => attempt?.durationMs ?? null),
    statuses: plainColumn(results, ({ attempt }) => attempt?.httpStatus ?? null),
    failureKinds: plainColumn(results, ({ attempt }) => attempt?.failureKind ?? null),
    errors: textColumn(results, ({ attempt }) => attempt?.error ?? null),
    responseHeaders: textColumn(results, ({ attempt }) =>
      attempt?.responseHeaders ? JSON.stringify(attempt.responseHeaders) : null,
    ),
    responseBodies: textColumn(results, ({ attempt }) => attempt?.responseBody ?? null),
    states: plainColumn(results, ({ decision }) => decision.state),
    waitsMs: plainColumn(results, ({ decision }) =>
      decision.state === "pending" ? Math.round(decision.waitMs) : null,
    ),
    reasons: textColumn(results, ({ decision }) => (decision.state === "discarded" ? decision.reason : null)),
  };
}

/** A column of ids, numbers and words, which need no quoting in an array; null if all of it is null. */
function plainColumn(
  results: readonly DeliveryResult[],
  pick: (result: DeliveryResult) => string | number | null,
): string | null {
  let text = "{";
  let isNull = true;
  for (const result of results) {
    const value = pick(result);
    isNull &&= value === null;
    text += text === "{" ? (value ?? "null") : `,${value ?? "null"}`;
  }
  return isNull ? null : `${text}}`;
}

/** A column of text, quoted by the driver; null if all of it is null. */
function textColumn(
  results: readonly DeliveryResult[],
  pick: (result: DeliveryResult) => string | null,
): readonly (string | null)[] | null {
  const values = results.map(pick);
  return values.every((value) => value === null) ? null : values;
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
