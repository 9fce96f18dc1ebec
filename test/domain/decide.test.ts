import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AttemptResult, decide, decideBatch } from "../../src/domain/decide.ts";
import type { Decision } from "../../src/domain/delivery.ts";
import { FAILURE_KINDS, type FailureKind } from "../../src/domain/failureKind.ts";

const NOW_MS = Date.UTC(1994, 10, 6, 8, 49, 37);
const SCHEDULE_MS = [5_000, 300_000];
const GONE: Decision = { state: "discarded", reason: "the receiver answered 410 Gone", endpointGone: true };

function answered(httpStatus: number, responseHeaders: Readonly<Record<string, string>> = {}): AttemptResult {
  const isSuccess = httpStatus >= 200 && httpStatus < 300;
  return { httpStatus, failureKind: isSuccess ? null : "status", responseHeaders };
}

function unanswered(failureKind: FailureKind): AttemptResult {
  return { httpStatus: null, failureKind, responseHeaders: null };
}

function decided(result: AttemptResult, attemptInSchedule = 1): Decision {
  return decide(result, {
    scheduleMs: SCHEDULE_MS,
    retryPolicy: null,
    attemptInSchedule,
    random: () => 0.5,
    nowMs: NOW_MS,
  });
}

test("an attempt without a failure succeeded", () => {
  assert.deepEqual(decided(answered(200)), { state: "succeeded" });
  assert.deepEqual(decided(answered(204), 99), { state: "succeeded" });
});

test("410 ends the delivery and the endpoint at any attempt", () => {
  assert.deepEqual(decided(answered(410)), GONE);
  assert.deepEqual(decided(answered(410), 3), GONE);
  assert.deepEqual(decided({ ...answered(410), failureKind: "reset" }), GONE);
});

test("every other failure is retried by the schedule, redirects included", () => {
  const kinds = FAILURE_KINDS.filter((kind) => kind !== "blocked");
  for (const result of [answered(301), answered(400), answered(404), answered(500), ...kinds.map(unanswered)]) {
    assert.deepEqual(decided(result, 1), { state: "pending", waitMs: 5_000 });
    assert.deepEqual(decided(result, 2), { state: "pending", waitMs: 300_000 });
    assert.deepEqual(decided(result, 3), { state: "exhausted" });
  }
});

test("what is blocked is retried at the schedule's longest interval, as often as anything else", () => {
  for (const attemptInSchedule of [1, 2]) {
    assert.deepEqual(decided(unanswered("blocked"), attemptInSchedule), { state: "pending", waitMs: 300_000 });
  }
  assert.deepEqual(decided(unanswered("blocked"), 3), { state: "exhausted" });
  const position = { retryPolicy: null, attemptInSchedule: 1, random: () => 0.5, nowMs: NOW_MS };
  assert.deepEqual(decide(unanswered("blocked"), { ...position, scheduleMs: [] }), { state: "exhausted" });
});

test("a 2xx whose body did not arrive is a failure", () => {
  assert.deepEqual(decided({ httpStatus: 200, failureKind: "timeout", responseHeaders: {} }), {
    state: "pending",
    waitMs: 5_000,
  });
});

test("429 and 503 honour Retry-After, up to the schedule's longest interval", () => {
  for (const status of [429, 503]) {
    assert.deepEqual(decided(answered(status, { "retry-after": "60" })), { state: "pending", waitMs: 66_000 });
    assert.deepEqual(decided(answered(status, { "retry-after": "86400" })), { state: "pending", waitMs: 300_000 });
    assert.deepEqual(decided(answered(status, { "retry-after": "60.0" })), { state: "pending", waitMs: 66_000 });
    assert.deepEqual(decided(answered(status, { "retry-after": "soon" })), { state: "pending", waitMs: 5_000 });
    for (const text of ["1", "0", "-60", "1.0", "Sun, 06 Nov 1994 08:49:37 GMT"]) {
      const result = decided(answered(status, { "retry-after": text }));
      assert.deepEqual(result, { state: "pending", waitMs: 5_000 }, `${text}: not before the schedule`);
    }
    assert.deepEqual(decided(answered(status)), { state: "pending", waitMs: 5_000 });
  }
});

test("a date in Retry-After counts from the response's own date", () => {
  const headers = { "retry-after": "Sun, 06 Nov 2094 08:50:37 GMT", date: "Sun, 06 Nov 2094 08:49:37 GMT" };
  assert.deepEqual(decided(answered(503, headers)), { state: "pending", waitMs: 66_000 });
});

test("no other status honours Retry-After", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }).filter((status) => ![410, 429, 503].includes(status)),
      (status) => {
        assert.deepEqual(decided(answered(status, { "retry-after": "60" })), { state: "pending", waitMs: 5_000 });
      },
    ),
  );
});

function decidedOfBatch(result: AttemptResult, attemptInSchedule = 1, scheduleMs = SCHEDULE_MS): Decision {
  return decideBatch(result, { scheduleMs, retryPolicy: null, attemptInSchedule, random: () => 0.5, nowMs: NOW_MS });
}

test("a batch succeeds, is retried once as it is, and ends with its endpoint like a single delivery", () => {
  for (const result of [answered(200), answered(410), answered(400), unanswered("timeout")]) {
    assert.deepEqual(decidedOfBatch(result), decided(result));
  }
});

test("a batch is over with its second failure that an event in it can cause", () => {
  for (const result of [answered(400), answered(413), answered(500), unanswered("timeout"), unanswered("reset")]) {
    assert.deepEqual(decidedOfBatch(result, 2), { state: "pending", waitMs: 5_000, leavesBatch: true });
  }
});

test("a batch that the receiver did not look at is sent again as it is, by the schedule to its end", () => {
  const kinds = ["connect", "dns", "tls", "blocked", "proxy", "auth"] as const;
  for (const result of [answered(429), answered(503), ...kinds.map(unanswered)]) {
    for (const attempt of [1, 2, 3]) {
      assert.deepEqual(decidedOfBatch(result, attempt), decided(result, attempt));
    }
  }
});

test("a schedule that is used up leaves each delivery of a batch one attempt alone", () => {
  assert.deepEqual(decidedOfBatch(answered(500), 1, []), { state: "pending", waitMs: 0, leavesBatch: true });
  assert.deepEqual(decidedOfBatch(answered(500), 3), { state: "pending", waitMs: 0, leavesBatch: true });
  assert.deepEqual(decidedOfBatch(unanswered("connect"), 3), { state: "exhausted" });
});
