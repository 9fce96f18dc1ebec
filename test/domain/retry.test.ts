import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_SCHEDULE_MS, JITTER, retryDelayMs } from "../../src/domain/retry.ts";

const MIDDLE = () => 0.5;

const schedule = fc.array(fc.integer({ min: 0, max: 86_400_000 }), { minLength: 1, maxLength: 20 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("the default schedule is nine waits and 75 hours and 35 minutes and 5 seconds in all", () => {
  assert.deepEqual(
    DEFAULT_SCHEDULE_MS.map((waitMs) => waitMs / 1_000),
    [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
  );
  assert.equal(
    DEFAULT_SCHEDULE_MS.reduce((sum, waitMs) => sum + waitMs, 0),
    ((75 * 60 + 35) * 60 + 5) * 1_000,
  );
});

test("without jitter the waits are those of the schedule, and after the last one it is exhausted", () => {
  const delays = [1, 2, 3, 4].map((failedAttempts) =>
    retryDelayMs({ scheduleMs: [5_000, 10_000, 20_000], failedAttempts, random: MIDDLE, retryAfterMs: null }),
  );
  assert.deepEqual(delays, [5_000, 10_000, 20_000, null]);
});

test("an empty schedule is exhausted at the first failure", () => {
  assert.equal(retryDelayMs({ scheduleMs: [], failedAttempts: 1, random: MIDDLE, retryAfterMs: 1_000 }), null);
});

test("every wait lies within 20 percent of its interval, in whole milliseconds", () => {
  fc.assert(
    fc.property(schedule, fc.nat(), random, (scheduleMs, pick, drawn) => {
      const index = pick % scheduleMs.length;
      const interval = scheduleMs[index] ?? 0;
      const delay = retryDelayMs({ scheduleMs, failedAttempts: index + 1, random: () => drawn, retryAfterMs: null });
      assert.ok(delay !== null && Number.isInteger(delay));
      assert.ok(delay >= Math.floor(interval * (1 - JITTER)) && delay <= Math.ceil(interval * (1 + JITTER)));
    }),
  );
});

test("all of the 20 percent is used on either side", () => {
  const at = (drawn: number) =>
    retryDelayMs({ scheduleMs: [10_000], failedAttempts: 1, random: () => drawn, retryAfterMs: null });
  assert.equal(at(0), 8_000);
  assert.equal(at(1 - Number.EPSILON), 12_000);
});

test("Retry-After is waited for, up to the schedule's longest interval", () => {
  fc.assert(
    fc.property(schedule, fc.nat(), random, fc.nat(), (scheduleMs, pick, drawn, retryAfterMs) => {
      const failedAttempts = (pick % scheduleMs.length) + 1;
      const longest = Math.max(...scheduleMs);
      const without = retryDelayMs({ scheduleMs, failedAttempts, random: () => drawn, retryAfterMs: null });
      const delay = retryDelayMs({ scheduleMs, failedAttempts, random: () => drawn, retryAfterMs });
      assert.ok(delay !== null && without !== null);
      assert.ok(delay >= without && delay >= Math.min(retryAfterMs, longest));
      assert.ok(delay <= Math.max(without, longest));
    }),
  );
});

test("Retry-After does not lengthen a schedule that is used up", () => {
  assert.equal(retryDelayMs({ scheduleMs: [1], failedAttempts: 2, random: MIDDLE, retryAfterMs: 1_000 }), null);
});

test("deliveries that were refused together do not return in the same instant", () => {
  const at = (drawn: number) =>
    retryDelayMs({ scheduleMs: [1_000, 600_000], failedAttempts: 1, random: () => drawn, retryAfterMs: 60_000 });
  assert.deepEqual([at(0), at(0.5)], [60_000, 66_000]);
});

test("a count of failures below one is the caller's mistake", () => {
  for (const failedAttempts of [0, -1, 1.5, Number.NaN]) {
    assert.throws(
      () => retryDelayMs({ scheduleMs: [1], failedAttempts, random: MIDDLE, retryAfterMs: null }),
      RangeError,
    );
  }
});
