/**
 * `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of the three forms of §5.6.7.
 * The header comes from a stranger: anything else counts as not given.
 */

/** One year. Longer waits count as one year; the schedule sets a much lower bound anyway. */
export const RETRY_AFTER_MAX_MS = 365 * 24 * 60 * 60 * 1_000;

const SECONDS = /^\d+$/;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DATE_FORMS: readonly RegExp[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  /^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  // Sunday, 06-Nov-94 08:49:37 GMT
  /^[A-Z][a-z]{2,5}day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  // Sun Nov  6 08:49:37 1994
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
];

/**
 * The wait that a response asks for, in milliseconds from 0 to `RETRY_AFTER_MAX_MS`; null if it asks for none.
 *
 * A date is counted from the response's own `date` header, so that a wrong clock on either side cancels out;
 * from `nowMs` (milliseconds since 1970) if that header is missing or is not a date.
 */
export function parseRetryAfterMs(
  retryAfter: string | undefined,
  dateHeader: string | undefined,
  nowMs: number,
): number | null {
  const text = retryAfter?.trim() ?? "";
  if (SECONDS.test(text)) {
    return bounded(Number(text) * 1_000);
  }
  const untilMs = parseHttpDateMs(text, nowMs);
  if (untilMs === null) {
    return null;
  }
  const fromMs = parseHttpDateMs(dateHeader?.trim() ?? "", nowMs) ?? nowMs;
  return bounded(untilMs - fromMs);
}

function bounded(waitMs: number): number {
  return Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS);
}

/** Milliseconds since 1970 of an HTTP-date, or null. The name of the weekday is not compared with the date. */
function parseHttpDateMs(text: string, nowMs: number): number | null {
  for (const form of DATE_FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) {
      return dateMs(parts, nowMs);
    }
  }
  return null;
}

function dateMs(parts: Readonly<Record<string, string>>, nowMs: number): number | null {
  const year = fullYear(parts.year ?? "", nowMs);
  const month = MONTHS.indexOf(parts.month ?? "");
  const day = Number(parts.day);
  const [hours = 0, minutes = 0, seconds = 0] = (parts.time ?? "").split(":").map(Number);
  // A leap second is 60.
  if (month === -1 || hours > 23 || minutes > 59 || seconds > 60) {
    return null;
  }
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month, day);
  // 31 February rolls over into March.
  if (midnight.getUTCMonth() !== month || midnight.getUTCDate() !== day) {
    return null;
  }
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1_000;
}

/** Two digits mean the year with that ending that is at most 50 years ahead (RFC 9110). */
function fullYear(digits: string, nowMs: number): number {
  if (digits.length === 4) {
    return Number(digits);
  }
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}
