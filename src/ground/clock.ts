/**
 * All time inside the process comes from this module. Wall-clock times that decide anything come from the database. This
 * measures spans, which must not jump when the machine's clock is set.
 */

/** Milliseconds since an arbitrary start; they never go back. */
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
