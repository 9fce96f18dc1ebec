/** Which answers end a delivery at once, as an endpoint's options say. */
export interface RetryPolicy {
  /** Statuses and classes, such as 503 and 5xx: the only ones that are retried. Null if all are. */
  readonly retried: ReadonlySet<string> | null;
  readonly givenUp: ReadonlySet<string>;
}

/** Null if every answer is retried, as by default. */
export function makeRetryPolicy(retryOn: readonly string[] | null, giveUpOn: readonly string[]): RetryPolicy | null {
  if (retryOn === null && giveUpOn.length === 0) {
    return null;
  }
  return { retried: retryOn === null ? null : new Set(retryOn), givenUp: new Set(giveUpOn) };
}

/** Why a failed attempt with this status is the last one; null if another may follow, as after one without an answer. */
export function reasonToGiveUp({ retried, givenUp }: RetryPolicy, httpStatus: number | null): string | null {
  // A 2xx whose body broke off says nothing against the event.
  if (httpStatus === null || (httpStatus >= 200 && httpStatus < 300)) {
    return null;
  }
  if (names(givenUp, httpStatus)) {
    return `the receiver answered ${httpStatus}, which the endpoint's give_up_on names`;
  }
  if (retried !== null && !names(retried, httpStatus)) {
    return `the receiver answered ${httpStatus}, which the endpoint's retry_on does not name`;
  }
  return null;
}

function names(statuses: ReadonlySet<string>, httpStatus: number): boolean {
  const text = String(httpStatus);
  return statuses.has(text) || statuses.has(`${text.slice(0, 1)}xx`);
}
