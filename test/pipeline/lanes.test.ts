import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Delivery } from "../../src/domain/delivery.ts";
import { Lanes } from "../../src/pipeline/lanes.ts";

/** What a lane may do before it has answered, and after how long a request hangs; as in src/pipeline/lanes.ts. */
const LANE_START = 8;
const HANGING_MS = 1_000;

function deliveryFor(endpointId: string): Delivery {
  return {
    event: { id: randomUUID(), eventType: "order.paid", createdAt: "2026-01-01T00:00:00.000000Z", payload: "{}" },
    endpointId,
    daemonId: "daemon",
    tenure: { kind: "claimed", claimId: "1" },
    attempts: 0,
    attemptsBefore: 0,
  };
}

function leasedFor(endpointId: string): Delivery {
  return { ...deliveryFor(endpointId), tenure: { kind: "leased", untilMs: 1_000_000 }, attempts: 1 };
}

/** Offers so many deliveries for the endpoint; returns those that the lanes took. */
function offer(lanes: Lanes, endpointId: string, count: number, nowMs = 0): Delivery[] {
  return Array.from({ length: count }, () => deliveryFor(endpointId)).filter((delivery) =>
    lanes.offer(delivery, nowMs),
  );
}

/** Starts whatever can be started. */
function startAll(lanes: Lanes, nowMs = 0): Delivery[] {
  const started: Delivery[] = [];
  for (let next = lanes.start(nowMs); next !== null; next = lanes.start(nowMs)) {
    started.push(next);
  }
  return started;
}

function finishAll(lanes: Lanes, deliveries: readonly Delivery[], answered: boolean, nowMs = 0): void {
  for (const delivery of deliveries) {
    lanes.finish(delivery, answered, nowMs);
  }
}

/** Lets each answer once, so that they are in good standing, with nothing in hand. */
function greet(lanes: Lanes, ...endpointIds: readonly string[]): void {
  for (const endpointId of endpointIds) {
    assert.equal(offer(lanes, endpointId, 1).length, 1);
    const started = lanes.start(0);
    assert.equal(started?.endpointId, endpointId);
    finishAll(lanes, started === null ? [] : [started], true);
  }
}

describe("what starts", () => {
  test("a new lane starts eight at a time", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 50);
    assert.equal(startAll(lanes).length, LANE_START);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [LANE_START, 50 - LANE_START]);
  });

  test("lanes with something to start take turns, one delivery each", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    offer(lanes, "c", 2);
    const order = startAll(lanes).map(({ endpointId }) => endpointId);
    assert.deepEqual(order.slice(0, 8), ["a", "b", "c", "a", "b", "c", "a", "b"]);
  });

  test("one lane's deliveries start in the order in which they were offered", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 64, inHandMax: 2_000 });
    const offered = offer(lanes, "a", 600);
    const started: Delivery[] = [];
    for (let next = lanes.start(0); next !== null; next = lanes.start(0)) {
      started.push(next);
      lanes.finish(next, true, 0);
    }
    assert.deepEqual(started, offered);
  });

  test("first attempts go before what came from the queue, and leave it one turn in four", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 64, inHandMax: 2_000 });
    const queued = Array.from({ length: 4 }, () => leasedFor("a"));
    assert.ok(queued.every((delivery) => lanes.offer(delivery, 0)));
    const first = offer(lanes, "a", 7);
    const order: Delivery[] = [];
    for (let next = lanes.start(0); next !== null; next = lanes.start(0)) {
      order.push(next);
      lanes.finish(next, true, 0);
    }
    assert.deepEqual(order, [
      ...first.slice(0, 3),
      queued[0],
      ...first.slice(3, 6),
      queued[1],
      first[6],
      queued[2],
      queued[3],
    ]);
  });

  test("no more are under way than all lanes together may have, and a slot that comes free goes to who waits", () => {
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 1_000 });
    greet(lanes, "a", "b");
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    const [first] = startAll(lanes);
    assert.equal(lanes.inFlight, 10);
    assert.ok(first !== undefined);
    lanes.finish(first, true, 1);
    assert.notEqual(lanes.start(1), null);
    assert.equal(lanes.start(1), null);
  });

  test("the last slots are for lanes that have answered", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    greet(lanes, "known");
    for (let endpoint = 0; endpoint < 20; endpoint++) {
      offer(lanes, `new ${endpoint}`, 20);
    }
    assert.equal(startAll(lanes).length, 56);
    assert.equal(lanes.rooms(0).unknown, 0);
    assert.equal(lanes.rooms(0).known.get("new 19"), 0);
    offer(lanes, "known", 20);
    assert.deepEqual(new Set(startAll(lanes).map(({ endpointId }) => endpointId)), new Set(["known"]));
    assert.equal(lanes.inFlight, 64);
  });

  test("lanes that hang leave slots to new ones, and new ones to those that have answered", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    greet(lanes, "good");
    for (let endpoint = 0; endpoint < 6; endpoint++) {
      offer(lanes, `hanging ${endpoint}`, LANE_START);
    }
    assert.equal(startAll(lanes).length, 48);
    const nowMs = HANGING_MS + 1;
    assert.equal(offer(lanes, "hanging 0", 10, nowMs).length, 0, "one that hangs takes nothing more");
    assert.equal(lanes.rooms(nowMs).known.get("hanging 0"), 0);
    offer(lanes, "new", 20, nowMs);
    assert.equal(startAll(lanes, nowMs).length, LANE_START);
    assert.equal(lanes.inFlight, 56);
    offer(lanes, "good", 20, nowMs);
    assert.equal(startAll(lanes, nowMs).length, LANE_START);
  });

  test("what is known of a lane with nothing to do is kept for a minute", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "bad", 1);
    finishAll(lanes, startAll(lanes), false);
    assert.equal(lanes.rooms(60_000).known.get("bad"), LANE_START / 2);
    assert.equal(lanes.rooms(60_001).known.get("bad"), undefined);
  });

  test("a lane that answers while it is full earns more, up to its limit", () => {
    const lanes = new Lanes({ inFlightMax: 1_000, laneMax: 20, inHandMax: 10_000 });
    offer(lanes, "a", 1_000);
    let started = startAll(lanes);
    const widths: number[] = [];
    for (let answers = 0; answers < 20; answers++) {
      widths.push(started.length);
      const [first, ...others] = started;
      assert.ok(first !== undefined);
      lanes.finish(first, true, 0);
      started = [...others, ...startAll(lanes)];
    }
    assert.deepEqual(widths.slice(0, 12), [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    assert.ok(widths.slice(12).every((width) => width === 20));
  });

  test("a lane that is not full earns nothing", () => {
    const lanes = new Lanes({ inFlightMax: 1_000, laneMax: 64, inHandMax: 10_000 });
    for (let round = 0; round < 20; round++) {
      offer(lanes, "a", LANE_START - 1);
      finishAll(lanes, startAll(lanes), true);
    }
    offer(lanes, "a", 50);
    assert.equal(startAll(lanes).length, LANE_START);
  });

  test("a lane that does not answer loses half each time, down to one, and one answer at a time brings it back", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    finishAll(lanes, startAll(lanes), false);
    const [only, ...others] = startAll(lanes);
    assert.ok(only !== undefined);
    assert.equal(others.length, 0);
    lanes.finish(only, true, 0);
    assert.equal(startAll(lanes).length, 2);
  });

  test("a lane of one and a daemon of one work", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 10 });
    const offered = offer(lanes, "a", 5);
    for (const delivery of offered) {
      assert.deepEqual(startAll(lanes), [delivery]);
      lanes.finish(delivery, true, 0);
    }
    assert.deepEqual([lanes.inFlight, lanes.waiting], [0, 0]);
  });

  test("finishing what is not under way is refused", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 10 });
    const delivery = deliveryFor("a");
    assert.throws(() => lanes.finish(delivery, true, 0), /not under way/);
    lanes.offer(delivery, 0);
    assert.throws(() => lanes.finish(delivery, true, 0), /not under way/);
  });
});

describe("what waits in memory", () => {
  test("one lane alone may fill all that a daemon can have in hand", () => {
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 100 });
    assert.equal(offer(lanes, "a", 150).length, 100);
  });

  test("two lanes have half each", () => {
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 100 });
    offer(lanes, "a", 1);
    assert.equal(offer(lanes, "b", 150).length, 50);
    assert.equal(offer(lanes, "a", 150).length, 49);
  });

  test("lanes with nothing in hand take no share, however many have lost requests before", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000 });
    for (let endpoint = 0; endpoint < 2_000; endpoint++) {
      offer(lanes, `bad ${endpoint}`, 1);
      finishAll(lanes, startAll(lanes), false);
    }
    assert.equal(offer(lanes, "a", 500).length, 500);
  });

  test("a lane in good standing has a few in hand, however many others there are", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000 });
    for (let endpoint = 0; endpoint < 2_000; endpoint++) {
      assert.equal(offer(lanes, `other ${endpoint}`, 1).length, 1);
    }
    assert.equal(offer(lanes, "a", 20).length, LANE_START);
  });

  test("a lane with a request that hangs keeps no more than it can start, and gives out the rest, the last in first", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    const offered = offer(lanes, "a", 100);
    assert.equal(startAll(lanes).length, LANE_START);
    assert.deepEqual(lanes.putOutExcess(HANGING_MS), []);
    const out = lanes.putOutExcess(HANGING_MS + 1);
    assert.deepEqual(new Set(out), new Set(offered.slice(LANE_START)));
    assert.equal(lanes.waiting, 0);
    assert.equal(offer(lanes, "a", 10, HANGING_MS + 1).length, 0);
  });

  test("a lane that has lost requests keeps as many as it can start", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    const offered = offer(lanes, "a", 100);
    const [first] = startAll(lanes);
    assert.ok(first !== undefined);
    lanes.finish(first, false, 10);
    // Seven are under way and four may be: nothing may wait.
    assert.deepEqual(new Set(lanes.putOutExcess(10)), new Set(offered.slice(LANE_START)));
  });

  test("a lane in good standing that hangs no longer takes its share again", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", LANE_START);
    const started = startAll(lanes);
    assert.equal(offer(lanes, "a", 10, HANGING_MS + 1).length, 0);
    finishAll(lanes, started, true, HANGING_MS + 1);
    assert.equal(offer(lanes, "a", 500, HANGING_MS + 1).length, 500);
  });

  test("what a lane puts out can be offered again, and nothing of another lane comes with it", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    startAll(lanes);
    assert.deepEqual(lanes.waitingEndpoints(), ["a", "b"]);
    const out = lanes.putOut("a", 0);
    assert.equal(out.length, 20 - LANE_START);
    assert.deepEqual(lanes.waitingEndpoints(), ["b"]);
    assert.deepEqual(lanes.putOut("a", 0), []);
    assert.deepEqual(lanes.putOut("nobody", 0), []);
    assert.ok(out.every((delivery) => lanes.offer(delivery, 0)));
    assert.equal(lanes.waiting, 2 * (20 - LANE_START));
  });

  test("everything can be put out, and work goes on after it", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 3);
    const started = startAll(lanes);
    assert.equal(lanes.putOutAll(0).length, 23 - started.length);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [started.length, 0]);
    finishAll(lanes, started, true);
    offer(lanes, "a", 5);
    assert.equal(startAll(lanes).length, 5);
  });

  test("a lane has room in the queue for what it can start, four times over where it is fast", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "new", 2);
    assert.equal(lanes.rooms(0).known.get("new"), LANE_START - 2);
    offer(lanes, "fast", LANE_START + 1);
    const started = startAll(lanes).filter(({ endpointId }) => endpointId === "fast");
    const [first, ...others] = started;
    assert.ok(first !== undefined);
    lanes.finish(first, true, 5);
    // It was full, so nine are its limit now; seven are under way, one waits.
    assert.equal(lanes.rooms(0).known.get("fast"), 4 * (LANE_START + 1) - others.length - 1);
    assert.equal(lanes.rooms(0).known.get("nobody"), undefined);
  });
});

type Step =
  | { readonly kind: "offer"; readonly endpoint: number; readonly count: number }
  | { readonly kind: "start"; readonly count: number }
  | { readonly kind: "finish"; readonly nth: number; readonly answered: boolean }
  | { readonly kind: "putOut"; readonly endpoint: number }
  | { readonly kind: "putOutExcess" | "putOutAll" }
  | { readonly kind: "pass"; readonly ms: number };

const endpoints = fc.integer({ min: 0, max: 4 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("offer"), endpoint: endpoints, count: fc.nat(400) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("start"), count: fc.nat(400) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("finish"), nth: fc.nat(500), answered: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("putOut"), endpoint: endpoints }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("putOutExcess", "putOutAll") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass"), ms: fc.nat(2_000) }) },
);

test("whatever happens in whichever order, nothing is lost or doubled and no limit is passed", () => {
  const limits = fc.record({
    inFlightMax: fc.integer({ min: 1, max: 50 }),
    laneMax: fc.integer({ min: 1, max: 64 }),
    inHandMax: fc.integer({ min: 1, max: 500 }),
  });
  fc.assert(
    fc.property(limits, fc.array(steps, { maxLength: 120 }), (limits, steps) => {
      const lanes = new Lanes(limits);
      const waiting = new Set<Delivery>();
      const underWay: Delivery[] = [];
      let nowMs = 0;
      const takeOut = (out: readonly Delivery[], endpointId?: string): void => {
        for (const delivery of out) {
          assert.ok(waiting.delete(delivery), "put out what did not wait");
          assert.ok(endpointId === undefined || delivery.endpointId === endpointId);
        }
      };
      const startOne = (): boolean => {
        const delivery = lanes.start(nowMs);
        if (delivery === null) {
          return false;
        }
        assert.ok(waiting.delete(delivery), "started what did not wait");
        underWay.push(delivery);
        return true;
      };
      const check = (): void => {
        assert.deepEqual([lanes.inFlight, lanes.waiting], [underWay.length, waiting.size]);
        assert.ok(underWay.length <= limits.inFlightMax);
        for (const [, ofEndpoint] of Map.groupBy(underWay, ({ endpointId }) => endpointId)) {
          assert.ok(ofEndpoint.length <= limits.laneMax);
        }
        assert.deepEqual(new Set(lanes.waitingEndpoints()), new Set([...waiting].map(({ endpointId }) => endpointId)));
        assert.ok([...lanes.rooms(nowMs).known.values()].every((room) => room >= 0));
      };
      for (const step of steps) {
        switch (step.kind) {
          case "offer":
            for (const delivery of offer(lanes, String(step.endpoint), step.count, nowMs)) {
              waiting.add(delivery);
            }
            break;
          case "start":
            for (let count = 0; count < step.count && startOne(); count++);
            break;
          case "finish": {
            const [delivery] = underWay.splice(step.nth % Math.max(1, underWay.length), 1);
            if (delivery !== undefined) {
              lanes.finish(delivery, step.answered, nowMs);
            }
            break;
          }
          case "putOut":
            takeOut(lanes.putOut(String(step.endpoint), nowMs), String(step.endpoint));
            break;
          case "putOutExcess":
            takeOut(lanes.putOutExcess(nowMs));
            break;
          case "putOutAll":
            takeOut(lanes.putOutAll(nowMs));
            assert.equal(waiting.size, 0);
            break;
          case "pass":
            nowMs += step.ms;
            break;
        }
        check();
      }
      // What waits can always be brought to its end: no lane is forgotten.
      while (waiting.size > 0 || underWay.length > 0) {
        while (startOne());
        assert.ok(underWay.length > 0, "something waits, nothing is under way, and nothing starts");
        for (const delivery of underWay.splice(0)) {
          lanes.finish(delivery, true, nowMs);
        }
        check();
      }
    }),
    { numRuns: 300 },
  );
});

test("of very many endpoints, those with something in hand are kept, and of the others some thousands", () => {
  const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
  offer(lanes, "busy", 3);
  const underWay = startAll(lanes);
  assert.equal(underWay.length, 3);
  const endpointIds = Array.from({ length: 20_000 }, (_, index) => `endpoint ${index}`);
  greet(lanes, ...endpointIds);
  const { known } = lanes.rooms(0);
  assert.ok(known.size > 1_000 && known.size <= 4_097, `${known.size} lanes`);
  assert.equal(known.get("busy"), LANE_START - 3);
  assert.ok(known.has(String(endpointIds.at(-1))));
  finishAll(lanes, underWay, true);
  assert.equal(lanes.inFlight, 0);
});
