import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Budget } from "../../../src/daemon/deliver/budget.ts";
import type { Standing } from "../../../src/daemon/deliver/lanes.ts";
import { type Delivery, makeDelivery } from "../../../src/domain/delivery.ts";

const BYTES_MAX = 1_000;
/** The largest payload that is sent. */
const PAYLOAD_MAX = BYTES_MAX / 2;

function largeFor(endpointId: string): Delivery {
  return makeDelivery({
    event: { id: randomUUID(), eventType: "report.made", createdAt: "2026-01-01T00:00:00.000000Z", payload: null },
    endpointId,
    daemonId: "daemon",
    tenure: { kind: "claimed", claimId: "1" },
    attempts: 0,
    attemptsBefore: 0,
  });
}

/** Endpoints are named by their standing: "good", "new 3", "doubtful 17". */
function makeBudget(): Budget {
  return new Budget(BYTES_MAX, standingOf);
}

function standingOf(endpointId: string): Standing {
  return endpointId.startsWith("good") ? "good" : endpointId.startsWith("new") ? "new" : "doubtful";
}

/** Loads payloads of this size one after the other until one is refused; returns those in memory. */
function loadAll(budget: Budget, bytes: number, endpointIds: readonly string[]): Delivery[] {
  const held: Delivery[] = [];
  for (const endpointId of endpointIds) {
    const delivery = largeFor(endpointId);
    if (!load(budget, delivery, bytes)) {
      return held;
    }
    held.push(delivery);
  }
  return held;
}

function load(budget: Budget, delivery: Delivery, bytes: number): boolean {
  return typeof budget.reserve(delivery) === "number" && budget.loaded(delivery, bytes);
}

function repeated(endpointId: string, count: number): string[] {
  return Array(count).fill(endpointId);
}

function numbered(standing: Standing, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${standing} ${index}`);
}

test("half of the memory is not for endpoints that hang, and a quarter only for those that have answered", () => {
  const budget = makeBudget();
  const ofDoubtful = loadAll(budget, 10, numbered("doubtful", 100)).length * 10;
  assert.ok(ofDoubtful > 480 && ofDoubtful <= 500, `${ofDoubtful} bytes`);
  const ofNew = loadAll(budget, 10, numbered("new", 100)).length * 10;
  assert.ok(ofNew > 230 && ofNew <= 250, `${ofNew} bytes`);
  assert.equal(budget.reserve(largeFor("good")), BYTES_MAX - ofDoubtful - ofNew);
});

test("beside endpoints that hang, a payload of the largest size finds memory", () => {
  const budget = makeBudget();
  loadAll(budget, 10, numbered("doubtful", 100));
  assert.equal(budget.reserve(largeFor("good")), PAYLOAD_MAX);
});

test("one endpoint gets half of what its standing may have, and leaves the rest to those that hold less", () => {
  const budget = makeBudget();
  assert.equal(loadAll(budget, 100, repeated("good a", 20)).length, 5);
  assert.equal(loadAll(budget, 100, repeated("good b", 20)).length, 3);
});

test("with n others active, an endpoint may hold 1/(n + 2) of the budget", () => {
  for (const n of [0, 1, 2, 6]) {
    const budget = makeBudget();
    let held = 0;
    const counts = new Map(numbered("good", n + 1).map((endpointId) => [endpointId, 0]));
    for (let before = -1; held > before; ) {
      before = held;
      for (const [endpointId, count] of counts) {
        const taken = loadAll(budget, 5, [endpointId]).length;
        counts.set(endpointId, count + taken);
        held += taken;
      }
    }
    for (const count of counts.values()) {
      const part = Math.floor(BYTES_MAX / (n + 2));
      assert.ok(Math.abs(count * 5 - part) <= 10, `${count * 5} bytes beside ${n} others`);
    }
  }
});

test("each standing has one load at a time, which reserves all that its endpoint may have", () => {
  const budget = makeBudget();
  const [good, ofNew] = [largeFor("good"), largeFor("new")];
  assert.equal(budget.reserve(good), PAYLOAD_MAX);
  assert.equal(budget.reserve(ofNew), BYTES_MAX * 0.5);
  assert.equal(budget.reserve(largeFor("good too")), "loading");
  assert.equal(budget.loaded(good, 10), true);
  assert.equal(budget.reserve(largeFor("good too")), PAYLOAD_MAX - 10);
});

test("a payload larger than what was reserved waits, and is loaded once there is memory for it", () => {
  const budget = makeBudget();
  const first = largeFor("good");
  assert.ok(load(budget, first, 400));
  const second = largeFor("good");
  assert.equal(budget.reserve(second), 200);
  assert.equal(budget.loaded(second, 300), false);
  assert.equal(budget.reserve(second), "short", "its size is known");
  assert.equal(budget.reserve(largeFor("good")), "short", "nothing of its endpoint goes before it");
  assert.equal(typeof budget.reserve(largeFor("good too")), "number", "others do not wait for it");
  assert.equal(budget.release(first), true);
  assert.equal(budget.reserve(second), "loading");
});

test("an endpoint that hangs and holds nothing gets its memory, though others that hang take all that comes free", () => {
  const budget = makeBudget();
  const held = loadAll(budget, 20, numbered("doubtful", 25));
  assert.equal(held.length, 25);
  const large = largeFor("doubtful large");
  assert.equal(budget.reserve(large), "short");
  const [first, ...others] = held;
  assert.ok(first !== undefined);
  budget.release(first);
  assert.equal(load(budget, large, PAYLOAD_MAX), false, "it needs all that endpoints that hang may have");
  for (const [index, delivery] of others.entries()) {
    assert.equal(budget.reserve(largeFor(`doubtful more ${index}`)), "short");
    assert.equal(budget.reserve(large), "short");
    budget.release(delivery);
  }
  assert.ok(load(budget, large, PAYLOAD_MAX));
});

test("a payload that is needed no more is waited for no more", () => {
  const budget = makeBudget();
  const held = largeFor("doubtful");
  assert.ok(load(budget, held, 100));
  const large = largeFor("doubtful large");
  assert.equal(load(budget, large, PAYLOAD_MAX), false);
  const other = largeFor("doubtful other");
  assert.equal(budget.reserve(other), "short");
  assert.equal(budget.release(large), true);
  assert.ok(load(budget, other, 100));
});

test("ending a load that is none is refused, and releasing what holds nothing frees nothing", () => {
  const budget = makeBudget();
  const delivery = largeFor("good");
  assert.throws(() => budget.loaded(delivery, 1), /no payload is being loaded/);
  assert.equal(budget.release(delivery), false);
});

test("whatever happens in whichever order, no more is held than there is, and everything is loaded in the end", () => {
  const payloads = fc.array(
    fc.record({
      endpoint: fc.constantFrom(...numbered("good", 2), ...numbered("new", 2), ...numbered("doubtful", 3)),
      bytes: fc.integer({ min: 1, max: PAYLOAD_MAX }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(payloads, fc.array(fc.nat(), { maxLength: 200 }), (payloads, choices) => {
      const budget = makeBudget();
      const sizes = new Map(payloads.map(({ endpoint, bytes }) => [largeFor(endpoint), bytes]));
      const waiting = [...sizes.keys()];
      const loading = new Map<Delivery, number>();
      const held: Delivery[] = [];
      const check = (): void => {
        const heldBytes = held.reduce((sum, delivery) => sum + (sizes.get(delivery) ?? 0), 0);
        const reserved = [...loading.values()].reduce((sum, bytes) => sum + bytes, 0);
        assert.ok(heldBytes + reserved <= BYTES_MAX, `${heldBytes} bytes held, ${reserved} reserved`);
      };
      const reserve = (): void => {
        for (const delivery of waiting.splice(0)) {
          const reserved = budget.reserve(delivery);
          if (typeof reserved === "number") {
            loading.set(delivery, reserved);
          } else {
            waiting.push(delivery);
          }
          check();
        }
      };
      const endLoad = (): void => {
        const [loaded] = loading;
        if (loaded !== undefined) {
          const [delivery, reserved] = loaded;
          loading.delete(delivery);
          const bytes = sizes.get(delivery) ?? 0;
          const isHeld = budget.loaded(delivery, bytes);
          assert.equal(isHeld, bytes <= reserved);
          (isHeld ? held : waiting).push(delivery);
        }
      };
      const release = (nth: number): void => {
        for (const delivery of held.splice(nth % Math.max(1, held.length), 1)) {
          assert.equal(budget.release(delivery), true);
        }
      };
      for (const choice of choices) {
        [reserve, endLoad, () => release(choice)][choice % 3]?.();
        check();
      }
      // Two rounds for each payload: one may find out no more than its size.
      for (let round = 0; round <= 2 * payloads.length; round++) {
        reserve();
        while (loading.size > 0) {
          endLoad();
        }
        while (held.length > 0) {
          release(0);
        }
      }
      assert.equal(waiting.length, 0, "something waits for ever");
    }),
    { numRuns: 500 },
  );
});
