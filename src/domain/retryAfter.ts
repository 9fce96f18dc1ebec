/**
 * `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of the three forms of §5.6.7. Receivers write it sloppily, and
 * one that asks for a wait in any readable way gets it: seconds with decimals (`45.0`) or their unit, quotation marks, blanks,
 * dates of ISO 8601, dates without a weekday or with another name or offset of the zone. Anything else counts as not given.
 */

/** One year. Longer waits count as one year; the schedule sets a much lower bound anyway. */
export const RETRY_AFTER_MAX_MS = 365 * 24 * 60 * 60 * 1_000;

/** More than any honest value takes, several of them included. */
const TEXT_LENGTH_MAX = 512;

const SECONDS = /^\+?(?<seconds>\d+(?:\.\d*)?|\.\d+) ?(?:s|secs?|seconds?)?$/i;

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const TIME = "(?<time>\\d\\d?:\\d\\d:\\d\\d)(?:\\.\\d+)?";
const ZONE = "(?: ?(?:GMT|UTC?|Z|(?<offset>[+-]\\d\\d:?\\d\\d)))";

/** Without the weekday, which says nothing that the date does not. */
const DATE_FORMS: readonly RegExp[] = [
  // 06 Nov 1994 08:49:37 GMT, 06-Nov-94 08:49:37 GMT
  new RegExp(`^(?<day>\\d\\d?)[ -](?<month>[a-z]{3})[ -](?<year>\\d{4}|\\d\\d) ${TIME}${ZONE}$`, "i"),
  // Nov 6 08:49:37 1994
  new RegExp(`^(?<month>[a-z]{3}) (?<day>\\d\\d?) ${TIME}${ZONE}? (?<year>\\d{4})$`, "i"),
  // 1994-11-06T08:49:37Z
  new RegExp(`^(?<year>\\d{4})-(?<month>\\d\\d)-(?<day>\\d\\d)[T ]${TIME}${ZONE}$`, "i"),
];

const WEEKDAY = /(?:sun|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?)(?:day)?(?:, ?| )/gi;

/**
 * The wait that a response asks for, in milliseconds from 0 to `RETRY_AFTER_MAX_MS`; null if it asks for none. Of several
 * values it is the longest, because what stands before the receiver may have added its own.
 *
 * A date is counted from the response's own `date` header, so that a wrong clock on either side cancels out;
 * from `nowMs` (milliseconds since 1970) if that header is missing or is not a date.
 */
export function parseRetryAfterMs(
  retryAfter: string | undefined,
  dateHeader: string | undefined,
  nowMs: number,
): number | null {
  let longestMs: number | null = null;
  for (const text of valuesOf(retryAfter)) {
    const waitMs = waitOf(text, dateHeader, nowMs);
    if (waitMs !== null && (longestMs === null || waitMs > longestMs)) {
      longestMs = waitMs;
    }
  }
  return longestMs;
}

function waitOf(text: string, dateHeader: string | undefined, nowMs: number): number | null {
  const seconds = SECONDS.exec(text)?.groups?.seconds;
  if (seconds !== undefined) {
    return bounded(Number(seconds) * 1_000);
  }
  const untilMs = parseDateMs(text, nowMs);
  if (untilMs === null) {
    return null;
  }
  const [date = ""] = valuesOf(dateHeader);
  return bounded(untilMs - (parseDateMs(date, nowMs) ?? nowMs));
}

/** The values of a header that was sent once or several times: without weekdays, no date holds a comma. */
function valuesOf(header: string | undefined): string[] {
  return (header ?? "")
    .slice(0, TEXT_LENGTH_MAX)
    .replace(/[\s"']+/g, " ")
    .replace(WEEKDAY, "")
    .split(",")
    .map((value) => value.trim());
}

function bounded(waitMs: number): number {
  return Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS);
}

/** Milliseconds since 1970, or null. */
function parseDateMs(text: string, nowMs: number): number | null {
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
  const month = monthOf(parts.month ?? "");
  const day = Number(parts.day);
  const [hours = 0, minutes = 0, seconds = 0] = (parts.time ?? "").split(":").map(Number);
  // A leap second is 60.
  if (month < 0 || month > 11 || hours > 23 || minutes > 59 || seconds > 60) {
    return null;
  }
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month, day);
  // 31 February rolls over into March.
  if (midnight.getUTCMonth() !== month || midnight.getUTCDate() !== day) {
    return null;
  }
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1_000 - offsetMs(parts.offset);
}

/** From 0, by number or name; outside of 0 to 11 if there is no such month. */
function monthOf(text: string): number {
  return /^\d/.test(text) ? Number(text) - 1 : MONTHS.indexOf(text.toLowerCase());
}

/** Of `+01:00` or `-0530`. */
function offsetMs(text: string | undefined): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(text ?? "") ?? [];
  const ms = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return sign === "-" ? -ms : ms;
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
