import assert from "node:assert/strict";
import { test } from "node:test";
import { WalkPause } from "../../../src/daemon/claim/walkPause.ts";

test("a walk whose deliveries are worth its time is followed by the next at once", () => {
  const pause = new WalkPause();
  pause.add(20, 40);
  pause.add(10, 100);
  assert.equal(pause.takeMs(), 0);
});

test("time that a walk has wasted is paid for four times, up to a quarter of a second", () => {
  const pause = new WalkPause();
  pause.add(15, 0);
  pause.add(10, 10);
  assert.equal(pause.takeMs(), 80);
  assert.equal(pause.takeMs(), 0, "what is paid for is forgotten");
  pause.add(10_000, 1);
  assert.equal(pause.takeMs(), 250);
});
