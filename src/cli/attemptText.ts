import type { RecentAttempt } from "../db/recentAttempts.ts";
import { displayLine, durationText, padType, shortened, type Word } from "../dev/display.ts";
import { printable } from "../ground/printable.ts";

/** An attempt on a line, with the time at which it ended, by the clock of this terminal. Text from outside is made printable. */
export function attemptText(attempt: RecentAttempt): string {
  const { started_at, duration_ms, event_id, event_type, state } = attempt;
  const endedAt = new Date(Date.parse(started_at) + duration_ms);
  const parts = [padType(event_type ?? "?"), event_id, answerOf(attempt), placeOf(attempt), ...followsOf(attempt)];
  return `${timeText(endedAt)}  ${displayLine(WORDS[state], parts.join("  "))}`;
}

const WORDS: Readonly<Record<RecentAttempt["state"], Word>> = {
  succeeded: "delivered",
  pending: "failed",
  exhausted: "exhausted",
  discarded: "discarded",
};

function timeText(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Without a status, the error says what there was instead. */
function answerOf({ http_status, error, duration_ms }: RecentAttempt): string {
  const took = durationText(duration_ms);
  return http_status === null
    ? `no answer after ${took}: ${shortened(error ?? "no reason is known")}`
    : `${http_status} after ${took}`;
}

/** The name, or what else tells which endpoint it is. */
function placeOf({ name, url, endpoint_id, tenant }: RecentAttempt): string {
  const owner = tenant === null || tenant === "" ? "" : `[${printable(tenant)}] `;
  return `${owner}${printable(name ?? url ?? endpoint_id)}`;
}

function followsOf({
  attempt_number,
  state,
  next_attempt_at,
  started_at,
  duration_ms,
}: RecentAttempt): readonly string[] {
  if (next_attempt_at !== null) {
    const inMs = Math.max(0, Date.parse(next_attempt_at) - Date.parse(started_at) - duration_ms);
    return [`attempt ${attempt_number}, the next in ${durationText(inMs)}`];
  }
  if (state === "exhausted") {
    return [`attempt ${attempt_number}, the last one`];
  }
  return attempt_number === 1 && state === "succeeded" ? [] : [`attempt ${attempt_number}`];
}
