import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attempt } from "../../src/domain/attempt.ts";
import type { ClaimedDelivery, DeliveryResult } from "../../src/domain/delivery.ts";
import {
  addCounts,
  countAttempt,
  countEnd,
  delayMsOf,
  type MinuteCounts,
  makeCounts,
  trimmed,
} from "../../src/domain/minuteCounts.ts";
import { deliveryOf } from "../support/delivery.ts";

const INSERTED_MS = Date.parse("2026-01-01T00:00:00Z");

function result(
  attempt: Partial<Attempt> | null,
  delivery: Partial<ClaimedDelivery> = {},
  decision: DeliveryResult["decision"] = { state: "succeeded" },
): DeliveryResult {
  return {
    delivery: deliveryOf({ endpointId: "2", daemonId: "3", ...delivery }),
    attempt:
      attempt === null
        ? null
        : {
            ...{ id: "5", startedAtMs: INSERTED_MS + 40, durationMs: 7, requests: 1, httpStatus: 200 },
            ...{ failureKind: null, error: null, responseHeaders: null, responseBody: null },
            ...attempt,
          },
    endpointRevision: "1",
    bodyBytes: attempt === null ? 0 : 100,
    decision,
  };
}

function count(counts: MinuteCounts, given: DeliveryResult, clockAheadMs: number): void {
  countAttempt(counts, given, delayMsOf(given, clockAheadMs));
}

test("successes are told by attempt, failures by status or kind, and each attempt has its duration", () => {
  const counts = makeCounts();
  const failure = { failureKind: "status", httpStatus: 503, error: "HTTP 503" } as const;
  count(counts, result({}), 0);
  count(counts, result({ durationMs: 10, requests: 2 }, { attempts: 1 }), 0);
  count(counts, result(failure), 0);
  count(counts, result({ ...failure, durationMs: 200_000 }, { attempts: 2 }), 0);
  count(counts, result({ failureKind: "timeout", httpStatus: null, error: "late", requests: 0 }), 0);
  count(counts, result(null), 0);
  const { succeeded_first, succeeded_later, failed, failures, request_ms, request_ms_total, sent_bytes } = counts;
  assert.deepEqual([succeeded_first, succeeded_later, failed], [1, 1, 3]);
  assert.deepEqual(failures, { 503: 2, timeout: 1 });
  assert.deepEqual(trimmed(request_ms), [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.equal(request_ms_total, 7 + 10 + 7 + 200_000 + 7);
  // A body of 100 bytes for each request that was written.
  assert.equal(sent_bytes, 100 * (1 + 2 + 1 + 1 + 0));
});

test("a delay counts from the event's insertion or its deliver_at, by the clock of Postgres, for successes alone", () => {
  const delays = (given: DeliveryResult, clockAheadMs = 0) => {
    const counts = makeCounts();
    count(counts, given, clockAheadMs);
    return trimmed(counts.delay_ms);
  };
  assert.deepEqual(delays(result({})), [0, 1]);
  assert.deepEqual(delays(result({}), -40), [1]);
  assert.deepEqual(delays(result({}), 60_000), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual(delays(result({}, { deliverAtMs: INSERTED_MS + 40 })), [1]);
  assert.deepEqual(delays(result({}, { deliverAtMs: INSERTED_MS - 1e9 })), [0, 1]);
  assert.deepEqual(delays(result({ startedAtMs: INSERTED_MS + 1e9 })).length, 16);
  assert.deepEqual(delays(result({ failureKind: "dns", httpStatus: null, error: "?" })), []);
  assert.deepEqual(delays(result({}, { isAgain: true })), []);
  const { event } = result({}).delivery;
  assert.deepEqual(delays(result({}, { event: { ...event, createdAt: "-infinity" } })), []);
});

test("what was sent again counts among the attempts, and apart", () => {
  const counts = makeCounts();
  count(counts, result({}, { isAgain: true, attempts: 3 }), 0);
  const failure = result(
    { failureKind: "tls", httpStatus: null, error: "?" },
    { isAgain: true },
    { state: "exhausted" },
  );
  count(counts, failure, 0);
  countEnd(counts, failure);
  assert.deepEqual([counts.succeeded_later, counts.sent_again, counts.failed_again], [1, 2, 1]);
  assert.deepEqual([counts.exhausted, counts.excused], [1, 1]);
});

test("what a person cancelled or erased is excused, and no other end", () => {
  const excused = (reason: string) => {
    const counts = makeCounts();
    countEnd(counts, result(null, {}, { state: "discarded", reason, endpointGone: false }));
    return [counts.discarded, counts.excused];
  };
  for (const reason of ["cancelled", "cancelled: a mistake", "the event was erased"]) {
    assert.deepEqual(excused(reason), [1, 1], reason);
  }
  assert.deepEqual(excused("the endpoint is disabled"), [1, 0]);
  assert.deepEqual(excused("the receiver answered 410"), [1, 0]);
});

test("ends are counted without an attempt, too, and counts add up", () => {
  const [one, sum] = [makeCounts(), makeCounts()];
  countEnd(one, result(null, {}, { state: "exhausted" }));
  countEnd(one, result(null, {}, { state: "discarded", reason: "why", endpointGone: false }));
  countEnd(one, result(null, {}, { state: "pending", waitMs: 1 }));
  count(one, result({}), 0);
  count(one, result({ failureKind: "tls", httpStatus: null, error: "?" }), 0);
  addCounts(sum, one);
  addCounts(sum, one);
  assert.deepEqual(
    { ...sum, request_ms: trimmed(sum.request_ms), delay_ms: trimmed(sum.delay_ms) },
    {
      ...{
        request_ms_total: 28,
        sent_bytes: 400,
        failed_again: 0,
        excused: 0,
        succeeded_first: 2,
        succeeded_later: 0,
        failed: 2,
        exhausted: 2,
        discarded: 2,
      },
      ...{ sent_again: 0, failures: { tls: 2 }, request_ms: [0, 0, 0, 4], delay_ms: [0, 2] },
    },
  );
});
