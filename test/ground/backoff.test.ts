import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeBackoff, random } from "../../src/ground/backoff.ts";

const midway = () => 0.5;

test("delays double from the first to the last, and start over after a success", () => {
  const backoff = makeBackoff({ firstMs: 100, lastMs: 1_000, random: midway });
  const next = (count: number) => Array.from({ length: count }, () => backoff.nextMs());
  assert.deepEqual(next(6), [100, 200, 400, 800, 1_000, 1_000]);
  backoff.reset();
  assert.deepEqual(next(2), [100, 200]);
});

test("equal bounds give delays that do not grow", () => {
  const backoff = makeBackoff({ firstMs: 500, lastMs: 500, random: midway });
  assert.deepEqual([backoff.nextMs(), backoff.nextMs()], [500, 500]);
});

test("every delay lies between half and one and a half times its mean, by whatever is drawn", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
      (firstMs, factor, drawn) => {
        const lastMs = firstMs * factor;
        const left = [...drawn];
        const backoff = makeBackoff({ firstMs, lastMs, random: () => left.shift() ?? 0 });
        for (const [failures, share] of drawn.entries()) {
          const meanMs = Math.min(lastMs, firstMs * 2 ** failures);
          assert.equal(backoff.nextMs(), meanMs * (0.5 + share));
        }
      },
    ),
  );
});

test("by default the delays are spread", () => {
  const delays = new Set(Array.from({ length: 100 }, () => makeBackoff({ firstMs: 100, lastMs: 100 }).nextMs()));
  assert.ok(delays.size > 50);
  assert.ok(random() >= 0 && random() < 1);
});
