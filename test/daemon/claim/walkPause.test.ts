import assert from "node:assert/strict";
import { test } from "node:test";
import { WalkPause } from "../../../src/daemon/claim/walkPause.ts";

const POLL_MS = 1_000;

test("a walk whose deliveries are worth its time is followed by the next at once", () => {
  const pause = new WalkPause();
  pause.add(20, 40);
  pause.add(10, 100);
  assert.equal(pause.take(POLL_MS).restMs, 0);
});

test("time that a walk has wasted is paid for four times, up to a quarter of a second", () => {
  const pause = new WalkPause();
  pause.add(15, 0);
  pause.add(10, 10);
  assert.equal(pause.take(POLL_MS).restMs, 80);
  assert.equal(pause.take(POLL_MS).restMs, 0, "what is paid for is forgotten");
  pause.add(10_000, 1);
  assert.equal(pause.take(POLL_MS).restMs, 250);
});

test("the poll takes one interval for each part of a walk, up to a minute, and never less than an interval", () => {
  const pollOf = (parts: number, pollIntervalMs: number) => {
    const pause = new WalkPause();
    for (let part = 0; part < parts; part += 1) {
      pause.add(5, 0);
    }
    return pause.take(pollIntervalMs).pollMs;
  };
  assert.equal(pollOf(1, POLL_MS), 1_000);
  assert.equal(pollOf(21, POLL_MS), 21_000);
  assert.equal(pollOf(2_000, POLL_MS), 60_000);
  assert.equal(pollOf(21, 50), 1_050);
  assert.equal(pollOf(21, 3_600_000), 3_600_000);
});
