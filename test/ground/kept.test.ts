import assert from "node:assert/strict";
import { test } from "node:test";
import { monotonicMs } from "../../src/ground/clock.ts";
import { Kept } from "../../src/ground/kept.ts";

test("a value is kept for a while, and read again afterwards", async () => {
  let reads = 0;
  const kept = new Kept(async () => ++reads, 10_000);
  assert.equal((await kept.get())?.value, 1);
  assert.equal((await kept.get())?.value, 1);
  const brief = new Kept(async () => ++reads, 0);
  assert.equal((await brief.get())?.value, 2);
  assert.equal((await brief.get())?.value, 3);
});

test("an answer has the last value if the next one takes long, and waits for the first one only from its beginning", async () => {
  const slow = Promise.withResolvers<string>();
  const values = [Promise.resolve("first"), slow.promise];
  const kept = new Kept(() => values.shift() ?? Promise.reject(new Error("it is read once too often")), 0);
  assert.equal((await kept.get())?.value, "first");
  assert.equal((await kept.get())?.value, "first");
  const waiting = kept.get();
  slow.resolve("second");
  assert.equal((await waiting)?.value, "second");
  const never = new Kept(() => new Promise<string>(() => {}), 0);
  const startedMs = monotonicMs();
  const answers = await Promise.all(Array.from({ length: 3 }, () => never.get()));
  const more = await never.get();
  assert.deepEqual([...answers, more], [null, null, null, null]);
  // Two waits for the first value would take twice as long.
  assert.ok(monotonicMs() - startedMs < 950);
});

test("a failure leaves nothing, and the next read makes up for it", async () => {
  const values = [Promise.resolve(1), Promise.reject(new Error("away")), Promise.resolve(2)];
  const kept = new Kept(() => values.shift() ?? Promise.resolve(3), 0);
  assert.equal((await kept.get())?.value, 1);
  assert.equal(await kept.get(), null);
  assert.equal((await kept.get())?.value, 2);
});
