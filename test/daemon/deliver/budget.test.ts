import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BUDGET_BYTES, Budget, budgetBytes, COPIES_SENT } from "../../../src/daemon/deliver/budget.ts";
import type { Standing } from "../../../src/daemon/deliver/lane.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { SENT_BYTES_MAX } from "../../../src/domain/event.ts";
import { GROWTH_MAX } from "../../../src/format/body.ts";
import { BODY_BYTES_MAX } from "../../../src/format/bodyText.ts";
import { ENCRYPTION_COPIES, PLAINTEXT_BYTES_MAX } from "../../../src/format/encrypt.ts";
import { deliveryOf } from "../../support/delivery.ts";

const BYTES_MAX = 1_000;
/** The largest payload that is sent. */
const PAYLOAD_MAX = BYTES_MAX / 2;

function largeFor(endpointId: string, payloadBytes = 1): Delivery {
  return deliveryOf({ event: { payload: null, payloadBytes }, endpointId });
}

test("the body of any payload has room in half of the budget, and one that does not grow takes what its payload does", () => {
  for (const payloadBytes of [1, 40_000, SENT_BYTES_MAX / 10, SENT_BYTES_MAX / 3, SENT_BYTES_MAX]) {
    assert.equal(budgetBytes(payloadBytes, 1, false), payloadBytes);
    const encrypted = budgetBytes(payloadBytes, 1, true);
    assert.ok(encrypted * COPIES_SENT >= Math.min(payloadBytes, PLAINTEXT_BYTES_MAX) * ENCRYPTION_COPIES);
    assert.ok(encrypted <= BUDGET_BYTES / 2);
    for (let growth = 2; growth <= GROWTH_MAX; growth += 1) {
      const bytes = budgetBytes(payloadBytes, growth, false);
      const body = Math.min(payloadBytes * growth, BODY_BYTES_MAX);
      assert.ok(bytes * COPIES_SENT >= payloadBytes + 2 * body);
      assert.ok(bytes <= BUDGET_BYTES / 2);
      assert.ok(budgetBytes(payloadBytes, growth, true) >= bytes);
      assert.ok(budgetBytes(payloadBytes, growth, true) <= BUDGET_BYTES / 2);
    }
  }
});

/** Endpoints are named by their standing: "good", "new 3", "doubtful 17". */
function makeBudget(): Budget {
  return new Budget(BYTES_MAX, { standingOf, bytesOf: ({ event }) => event.payloadBytes });
}

function standingOf(endpointId: string): Standing {
  return endpointId.startsWith("good") ? "good" : endpointId.startsWith("new") ? "new" : "doubtful";
}

/** Takes memory for payloads of this size one after the other until one is refused; returns those in memory. */
function reserveAll(budget: Budget, bytes: number, endpointIds: readonly string[]): Delivery[] {
  const held: Delivery[] = [];
  for (const endpointId of endpointIds) {
    const delivery = largeFor(endpointId, bytes);
    if (!budget.reserve(delivery)) {
      return held;
    }
    held.push(delivery);
  }
  return held;
}

/** What an endpoint that has asked for nothing may take at most. */
function roomFor(budget: Budget, endpointId: string): number {
  for (let bytes = BYTES_MAX; bytes > 0; bytes--) {
    const delivery = largeFor(endpointId, bytes);
    const isHeld = budget.reserve(delivery);
    budget.release(delivery);
    if (isHeld) {
      return bytes;
    }
  }
  return 0;
}

function repeated(endpointId: string, count: number): string[] {
  return Array(count).fill(endpointId);
}

function numbered(standing: Standing, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${standing} ${index}`);
}

test("half of the memory is not for endpoints that hang, and a quarter only for those that have answered", () => {
  const budget = makeBudget();
  const ofDoubtful = reserveAll(budget, 10, numbered("doubtful", 100)).length * 10;
  assert.ok(ofDoubtful > 480 && ofDoubtful <= 500, `${ofDoubtful} bytes`);
  const ofNew = reserveAll(budget, 10, numbered("new", 100)).length * 10;
  assert.ok(ofNew > 230 && ofNew <= 250, `${ofNew} bytes`);
  assert.equal(roomFor(budget, "good"), BYTES_MAX - ofDoubtful - ofNew);
});

test("beside endpoints that hang, a payload of the largest size finds memory", () => {
  const budget = makeBudget();
  reserveAll(budget, 10, numbered("doubtful", 100));
  assert.equal(roomFor(budget, "good"), PAYLOAD_MAX);
});

test("one endpoint gets half of what its standing may have, and leaves the rest to those that hold less", () => {
  const budget = makeBudget();
  assert.equal(reserveAll(budget, 100, repeated("good a", 20)).length, 5);
  assert.equal(reserveAll(budget, 100, repeated("good b", 20)).length, 3);
});

test("with n others active, an endpoint may hold 1/(n + 2) of the budget", () => {
  for (const n of [0, 1, 2, 6]) {
    const budget = makeBudget();
    let held = 0;
    const counts = new Map(numbered("good", n + 1).map((endpointId) => [endpointId, 0]));
    for (let before = -1; held > before; ) {
      before = held;
      for (const [endpointId, count] of counts) {
        const taken = reserveAll(budget, 5, [endpointId]).length;
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

test("a payload that found too little memory goes before others of its endpoint, and holds up no other endpoint", () => {
  const budget = makeBudget();
  const first = largeFor("good", 400);
  assert.ok(budget.reserve(first));
  const second = largeFor("good", 300);
  assert.equal(budget.reserve(second), false);
  assert.ok(budget.isFirst(second));
  assert.equal(budget.reserve(largeFor("good")), false, "nothing of its endpoint goes before it");
  assert.ok(budget.reserve(largeFor("good too", 10)), "others do not wait for it");
  assert.equal(budget.release(first), true);
  assert.ok(budget.reserve(second));
});

test("an endpoint that hangs and holds nothing gets its memory, though others that hang take all that comes free", () => {
  const budget = makeBudget();
  const held = reserveAll(budget, 20, numbered("doubtful", 25));
  assert.equal(held.length, 25);
  const large = largeFor("doubtful large", PAYLOAD_MAX);
  assert.equal(budget.reserve(large), false);
  for (const [index, delivery] of held.entries()) {
    assert.equal(budget.reserve(largeFor(`doubtful more ${index}`)), false);
    assert.equal(budget.reserve(large), false);
    budget.release(delivery);
  }
  assert.ok(budget.reserve(large));
});

test("a payload that is needed no more is waited for no more", () => {
  const budget = makeBudget();
  assert.ok(budget.reserve(largeFor("doubtful", 100)));
  const large = largeFor("doubtful large", PAYLOAD_MAX);
  assert.equal(budget.reserve(large), false);
  const other = largeFor("doubtful other", 100);
  assert.equal(budget.reserve(other), false);
  assert.equal(budget.release(large), true);
  assert.ok(budget.reserve(other));
});

test("a payload that is loaded ahead leaves half of the memory free", () => {
  const budget = makeBudget();
  const held = largeFor("good a", 300);
  assert.ok(budget.reserve(held));
  const ahead = largeFor("good b", 200);
  assert.ok(budget.reserveAhead(ahead));
  assert.deepEqual([budget.has(ahead), budget.reserveAhead(largeFor("good c", 1))], [true, false]);
  assert.ok(budget.reserve(largeFor("good c", 400)), "those whose turn it is may take it");
  budget.release(held);
  budget.release(ahead);
  assert.deepEqual([budget.has(ahead), budget.reserveAhead(largeFor("good d", 100))], [false, true]);
});

test("while a payload waits for memory, none is loaded ahead", () => {
  const budget = makeBudget();
  const first = largeFor("good a", 450);
  assert.ok(budget.reserve(first));
  const second = largeFor("good a", 450);
  assert.equal(budget.reserve(second), false);
  assert.equal(budget.reserveAhead(largeFor("good b", 10)), false);
  budget.release(second);
  assert.ok(budget.reserveAhead(largeFor("good b", 10)));
});

test("what is loaded ahead has its endpoint's share of memory, no more", () => {
  const budget = makeBudget();
  reserveAll(budget, 50, [...repeated("good a", 4), ...repeated("good b", 4)]);
  assert.ok(budget.reserveAhead(largeFor("good a", 100)));
  const doubtful = makeBudget();
  reserveAll(doubtful, 150, repeated("doubtful a", 1));
  assert.equal(doubtful.reserveAhead(largeFor("doubtful a", 250)), false);
});

test("releasing what holds nothing frees nothing", () => {
  assert.equal(makeBudget().release(largeFor("good")), false);
});

test("whatever happens in whichever order, no more is held than there is, and everything is sent in the end", () => {
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
      const waiting = payloads.map(({ endpoint, bytes }) => largeFor(endpoint, bytes));
      const held: Delivery[] = [];
      const reserve = (): void => {
        for (const delivery of waiting.splice(0)) {
          (budget.reserve(delivery) ? held : waiting).push(delivery);
          const heldBytes = held.reduce((sum, { event }) => sum + event.payloadBytes, 0);
          assert.ok(heldBytes <= BYTES_MAX, `${heldBytes} bytes held`);
        }
      };
      const release = (nth: number): void => {
        for (const delivery of held.splice(nth % Math.max(1, held.length), 1)) {
          assert.equal(budget.release(delivery), true);
        }
      };
      for (const choice of choices) {
        [reserve, () => release(choice)][choice % 2]?.();
      }
      for (let round = 0; round <= payloads.length; round++) {
        reserve();
        while (held.length > 0) {
          release(0);
        }
      }
      assert.equal(waiting.length, 0, "something waits for ever");
    }),
    { numRuns: 500 },
  );
});
