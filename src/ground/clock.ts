/**
 * The one door to time inside the process. Wall-clock times that decide anything come from the database;
 * what is here measures spans, which must not jump when somebody sets the machine's clock.
 */

/** Milliseconds since an arbitrary start, never going back. */
export function monotonicMs(): number {
  return performance.now();
}

/** Seconds since 1970, for the timestamp header of a signed request. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Milliseconds since 1970, for the started_at of an attempt. */
export function unixMs(): number {
  return Date.now();
}
