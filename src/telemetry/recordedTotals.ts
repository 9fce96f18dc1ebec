import type { DeliveryResult } from "../domain/delivery.ts";
import { FAILURE_KINDS } from "../domain/failureKind.ts";
import { countAttempt, countEnd, type MinuteCounts, makeCounts } from "../domain/minuteCounts.ts";
import type { Sample, Samples } from "./metrics.ts";

/**
 * What a process has recorded since its start: the same counts that postrider.endpoint_minute has of each minute, made at the
 * same moment, so that metrics and charts agree. An attempt that is not recorded yet is not counted yet.
 */
export class RecordedTotals {
  readonly #counts = makeCounts();
  #delayMs = 0;
  #flushes = 0;

  flushed(): void {
    this.#flushes += 1;
  }

  attempt(result: DeliveryResult, delayMs: number): void {
    countAttempt(this.#counts, result, delayMs);
    if (!Number.isNaN(delayMs)) {
      this.#delayMs += Math.max(0, delayMs);
    }
  }

  end(result: DeliveryResult): void {
    countEnd(this.#counts, result);
  }

  samples(): Samples {
    const counts = this.#counts;
    return {
      postrider_flushes_total: total(this.#flushes),
      postrider_attempts_total: attempts(counts),
      postrider_first_attempt_successes_total: total(counts.succeeded_first),
      postrider_finished_deliveries_total: [
        { labels: ["succeeded"], values: [counts.succeeded_first + counts.succeeded_later] },
        { labels: ["exhausted"], values: [counts.exhausted] },
        { labels: ["discarded"], values: [counts.discarded] },
      ],
      postrider_sent_bytes_total: total(counts.sent_bytes),
      postrider_request_duration_seconds: [{ labels: [], values: [counts.request_ms_total, ...counts.request_ms] }],
      postrider_delivery_delay_seconds: [{ labels: [], values: [this.#delayMs, ...counts.delay_ms] }],
    };
  }
}

/** Receivers choose among hundreds of statuses, so their classes are labels. */
const STATUS_CLASSES = ["3xx", "4xx", "5xx", "other"];
const NO_STATUS_KINDS = FAILURE_KINDS.filter((kind) => kind !== "status");

/** Each series is there from the start, because a rate needs a zero to begin at. */
function attempts({ succeeded_first, succeeded_later, failures }: MinuteCounts): readonly Sample[] {
  const failed = new Map<string, number>([...STATUS_CLASSES, ...NO_STATUS_KINDS].map((cause) => [cause, 0]));
  for (const [cause, count] of Object.entries(failures ?? {})) {
    const shown = classOf(cause);
    failed.set(shown, (failed.get(shown) ?? 0) + count);
  }
  return [
    { labels: ["succeeded", "", ""], values: [succeeded_first + succeeded_later] },
    ...[...failed].map(([cause, count]) => ({
      labels: STATUS_CLASSES.includes(cause) ? ["failed", "status", cause] : ["failed", cause, ""],
      values: [count],
    })),
  ];
}

/** `cause` is a status, or a kind of failure that has none. */
function classOf(cause: string): string {
  if (!/^\d/.test(cause)) {
    return cause;
  }
  const statusClass = `${cause.charAt(0)}xx`;
  return STATUS_CLASSES.includes(statusClass) ? statusClass : "other";
}

function total(value: number): readonly Sample[] {
  return [{ labels: [], values: [value] }];
}
