import assert from "node:assert/strict";
import { test } from "node:test";
import { HalfLoop } from "../../src/listen/halfLoop.ts";

/** Computes for so long, and returns for how long it did. */
function compute(ms: number): number {
  const startedMs = performance.now();
  while (performance.now() < startedMs + ms);
  return performance.now() - startedMs;
}

for (const pieceMs of [0.3, 3]) {
  test(`half of the time at least is left to others, with pieces of ${pieceMs} ms from several`, async () => {
    const halfLoop = new HalfLoop();
    const startedMs = performance.now();
    let workedMs = 0;
    const pieces = Array.from({ length: Math.round(60 / pieceMs) }, () =>
      halfLoop.run(() => {
        workedMs += compute(pieceMs);
      }),
    );
    await Promise.all(pieces);
    // It waits for the last pause.
    await halfLoop.run(() => {});
    const tookMs = performance.now() - startedMs;
    // The work since the last pause is less than two milliseconds.
    assert.ok(tookMs >= 2 * workedMs - 2, `${workedMs} ms of work in ${tookMs} ms`);
  });
}

test("each piece has a turn of the event loop to itself, in the order in which they were asked for", async () => {
  const halfLoop = new HalfLoop();
  let turn = 0;
  let isOver = false;
  const next = () => {
    turn += 1;
    if (!isOver) {
      setImmediate(next);
    }
  };
  next();
  const turns: number[] = [];
  const order: number[] = [];
  const indexes = Array.from({ length: 20 }, (_, index) => index);
  await Promise.all(
    indexes.map((index) =>
      halfLoop.run(() => {
        turns.push(turn);
        order.push(index);
      }),
    ),
  );
  isOver = true;
  assert.deepEqual(order, indexes);
  assert.equal(new Set(turns).size, indexes.length);
});

test("a piece that fails fails alone", async () => {
  const halfLoop = new HalfLoop();
  const failed = halfLoop.run(() => {
    throw new Error("a piece");
  });
  const next = halfLoop.run(() => 1);
  await assert.rejects(failed, /a piece/);
  assert.equal(await next, 1);
});
