import assert from "node:assert/strict";
import { test } from "node:test";
import { endsWithin } from "../../src/ground/endsWithin.ts";

const LONG_MS = 600_000;

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

test("what ends in time is not waited for any longer, and leaves no timer", async () => {
  const before = timers();
  assert.equal(await endsWithin(Promise.resolve("done"), LONG_MS), true);
  assert.equal(timers(), before);
});

test("what does not end is waited for that long, and no longer", async () => {
  const endless = new Promise(() => {});
  assert.equal(await endsWithin(endless, 1), false);
  assert.equal(await endsWithin(endless, 0), false);
});

test("what fails in time fails the wait, and leaves no timer", async () => {
  const before = timers();
  await assert.rejects(endsWithin(Promise.reject(new Error("it failed")), LONG_MS), /it failed/);
  assert.equal(timers(), before);
});

test("what fails too late fails nothing", async () => {
  const ending = Promise.withResolvers<void>();
  assert.equal(await endsWithin(ending.promise, 1), false);
  ending.reject(new Error("it failed"));
  await new Promise((resolve) => setImmediate(resolve));
});
