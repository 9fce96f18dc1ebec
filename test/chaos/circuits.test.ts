import assert from "node:assert/strict";
import { test } from "node:test";
import { calmSpans, probesWithin } from "./circuits.ts";

const OPEN = { fromMs: 0, untilMs: 60_000 };

test("an open circuit without faults is judged from a moment after its opening to its end", () => {
  assert.deepEqual(calmSpans(OPEN, []), [{ fromMs: 3_000, untilMs: 60_000 }]);
});

test("what is disturbed is not judged, and everything between two disturbances is", () => {
  const disturbances = [
    { fromMs: 30_000, untilMs: 40_000 },
    { fromMs: 10_000, untilMs: 20_000 },
    { fromMs: 12_000, untilMs: 18_000 },
    { fromMs: 55_000, untilMs: 70_000 },
  ];
  assert.deepEqual(calmSpans(OPEN, disturbances), [
    { fromMs: 3_000, untilMs: 10_000 },
    { fromMs: 20_000, untilMs: 30_000 },
    { fromMs: 40_000, untilMs: 55_000 },
  ]);
});

test("a circuit that was disturbed all the time is not judged", () => {
  assert.deepEqual(calmSpans(OPEN, [{ fromMs: -5, untilMs: 60_000 }]), []);
});

test("there are fewer probes the longer a circuit is open", () => {
  assert.deepEqual([0, 7_999, 8_000, 24_000, 56_000].map(probesWithin), [1, 1, 2, 3, 4]);
});
