import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { ENDPOINTS_MAX } from "../../../src/daemon/deliver/endpoints.ts";
import { apartMax, Lanes } from "../../../src/daemon/deliver/lanes.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { deliveryOf } from "../../support/delivery.ts";

/** What a lane may do before it has answered, and after how long a request hangs; as in src/daemon/deliver/lanes.ts. */
const LANE_START = 8;
const HANGING_MS = 1_000;
/** After how long a first request is unanswered, and the longest gap between looks at how slots are held. */
const UNANSWERED_MS = 250;
const RECOUNT_MS = 100;

function deliveryFor(endpointId: string): Delivery {
  return deliveryOf({ endpointId });
}

function leasedFor(endpointId: string): Delivery {
  return {
    ...deliveryFor(endpointId),
    tenure: { kind: "leased", untilMs: 1_000_000, isCounted: false, content: null },
    attempts: 1,
  };
}

function largeFor(endpointId: string): Delivery {
  const delivery = deliveryFor(endpointId);
  return { ...delivery, event: { ...delivery.event, payload: null, payloadBytes: 40_000 } };
}

/** Offers this many deliveries for the endpoint; returns those that the lanes admitted. */
function offer(lanes: Lanes, endpointId: string, count: number, nowMs = 0): Delivery[] {
  return Array.from({ length: count }, () => deliveryFor(endpointId)).filter((delivery) =>
    lanes.admit(delivery, nowMs),
  );
}

/** The same from the queue. */
function offerLeased(lanes: Lanes, endpointId: string, count: number, nowMs = 0): Delivery[] {
  return Array.from({ length: count }, () => leasedFor(endpointId)).filter((delivery) => lanes.admit(delivery, nowMs));
}

/** Starts whatever can be started. */
function startAll(lanes: Lanes, nowMs = 0): Delivery[] {
  const started: Delivery[] = [];
  for (let next = lanes.start(nowMs); next !== null; next = lanes.start(nowMs)) {
    started.push(next);
  }
  return started;
}

/** Nothing is being loaded, and there is more memory. */
function recall(lanes: Lanes, nowMs = 0): void {
  lanes.recall(nowMs, () => false, true);
}

/** Takes what may be loaded ahead. */
function takeAllAhead(lanes: Lanes, endpointId: string): Delivery[] {
  const ahead: Delivery[] = [];
  for (let next = takeAhead(); next !== null; next = takeAhead()) {
    ahead.push(next);
  }
  return ahead;

  function takeAhead(): Delivery | null {
    return lanes.takeAhead(endpointId, () => true);
  }
}

function addLoaded(lanes: Lanes, delivery: Delivery, nowMs = 0): void {
  delivery.loadedPayload = "{}";
  lanes.addLoaded(delivery, nowMs);
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

  test("one lane's deliveries start in the order in which they were admitted", () => {
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
    assert.ok(queued.every((delivery) => lanes.admit(delivery, 0)));
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

  test("no more are in flight than all lanes together may have, and a slot that comes free goes to a lane that waits", () => {
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
    for (let endpoint = 0; endpoint < 60; endpoint++) {
      offer(lanes, `new ${endpoint}`, 20);
    }
    assert.equal(startAll(lanes).length, 56);
    assert.equal(lanes.rooms(0).unknown, 0);
    assert.equal(lanes.rooms(0).known.get("new 59"), 0);
    offer(lanes, "known", 20);
    assert.deepEqual(new Set(startAll(lanes).map(({ endpointId }) => endpointId)), new Set(["known"]));
    assert.equal(lanes.inFlight, 64);
  });

  test("lanes that hang leave slots to new ones, and new ones to those that have answered", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    const hanging = Array.from({ length: 6 }, (_, endpoint) => `hanging ${endpoint}`);
    greet(lanes, "good", ...hanging);
    for (const endpointId of hanging) {
      offer(lanes, endpointId, LANE_START);
    }
    assert.equal(startAll(lanes).length, 48);
    const nowMs = HANGING_MS + 1;
    assert.equal(offer(lanes, "hanging 0", 10, nowMs).length, 0, "one that hangs takes nothing more");
    assert.equal(lanes.rooms(nowMs).known.get("hanging 0"), 0);
    for (let endpoint = 0; endpoint < 20; endpoint++) {
      offer(lanes, `new ${endpoint}`, 20, nowMs);
    }
    assert.equal(startAll(lanes, nowMs).length, LANE_START);
    assert.equal(lanes.inFlight, 56);
    offer(lanes, "good", 20, nowMs);
    assert.equal(startAll(lanes, nowMs).length, LANE_START);
  });

  test("lanes that begin to hang one after the other leave the last slots to those that have answered, too", () => {
    const lanes = new Lanes({ inFlightMax: 16, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "good", 1);
    finishAll(lanes, startAll(lanes), true);
    offer(lanes, "first", 6);
    assert.equal(startAll(lanes).length, 6);
    const laterMs = HANGING_MS - UNANSWERED_MS / 2;
    for (let endpoint = 0; endpoint < 9; endpoint++) {
      offer(lanes, `second ${endpoint}`, 2, laterMs);
    }
    assert.equal(startAll(lanes, laterMs).length, LANE_START);
    offer(lanes, "first", 20, laterMs);
    assert.deepEqual(startAll(lanes, laterMs), []);
    // The first hangs, the others are new, and none of them may start more.
    assert.deepEqual(startAll(lanes, HANGING_MS + 1), []);
    offer(lanes, "good", 2, HANGING_MS + 1);
    assert.equal(startAll(lanes, HANGING_MS + 1).length, 2);
  });

  test("while half of the slots are taken, a lane that has not answered has one, and its width once it has", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    for (let endpoint = 0; endpoint < 4; endpoint++) {
      offer(lanes, `early ${endpoint}`, LANE_START);
    }
    assert.equal(startAll(lanes).length, 32);
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    const [first, second, ...others] = startAll(lanes);
    assert.deepEqual([first?.endpointId, second?.endpointId, others.length], ["a", "b", 0]);
    assert.equal(lanes.rooms(0).unknown, 1);
    finishAll(lanes, first === undefined ? [] : [first], true);
    const started = startAll(lanes);
    assert.deepEqual(
      [started.length, new Set(started.map(({ endpointId }) => endpointId))],
      [LANE_START, new Set(["a"])],
    );
    finishAll(lanes, second === undefined ? [] : [second], false);
    assert.deepEqual(
      startAll(lanes).map(({ endpointId }) => endpointId),
      ["b"],
    );
  });

  test("a lane that had one slot while they were scarce gets more as others end, although it has not answered", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    greet(lanes, "good");
    offer(lanes, "good", LANE_START);
    const good = startAll(lanes);
    for (let endpoint = 0; endpoint < 40; endpoint++) {
      offer(lanes, `new ${endpoint}`, LANE_START);
    }
    const ended = startAll(lanes).slice(0, 30);
    assert.equal(lanes.inFlight, LANE_START + 40);
    finishAll(lanes, [...good, ...ended], true);
    const silent = Array.from({ length: 10 }, (_, index) => `new ${30 + index}`);
    for (const { endpointId } of ended) {
      lanes.evict(endpointId, 0);
    }
    const started = startAll(lanes).map(({ endpointId }) => endpointId);
    assert.equal(lanes.inFlight, 32);
    assert.deepEqual(new Set(started), new Set(silent));
  });

  test("endpoints that are known not to answer begin as lanes that have lost their width", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    for (let endpoint = 0; endpoint < 100; endpoint++) {
      lanes.suspect(`silent ${endpoint}`, 0);
      offer(lanes, `silent ${endpoint}`, 5);
    }
    assert.equal(startAll(lanes).length, 48);
    assert.equal(lanes.rooms(0).known.get("silent 99"), 0);
    offer(lanes, "new", 1);
    assert.equal(startAll(lanes).length, 1);
  });

  test("one that answers after all earns its width back, and is not suspected again", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    lanes.suspect("a", 0);
    for (let width = 1; width < LANE_START; width++) {
      assert.equal(lanes.standingOf("a"), "doubtful");
      offer(lanes, "a", LANE_START);
      startAll(lanes);
      assert.equal(lanes.inFlight, width);
      finishAll(lanes, lanes.started().slice(0, 1), true);
    }
    assert.equal(lanes.standingOf("a"), "good");
    lanes.suspect("a", 0);
    assert.equal(lanes.standingOf("a"), "good");
  });

  test("twice the slots that lanes in good standing have held of late are kept for them, half at most", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    const good = ["good 0", "good 1", "good 2"];
    greet(lanes, ...good);
    const startNew = (prefix: string, nowMs: number): Delivery[] => {
      for (let endpoint = 0; endpoint < 64; endpoint++) {
        offer(lanes, `${prefix} ${endpoint}`, 1, nowMs);
      }
      const started = startAll(lanes, nowMs);
      lanes.evictAll(nowMs);
      return started;
    };
    offer(lanes, "good 0", LANE_START);
    offer(lanes, "good 1", 4);
    const held = startAll(lanes);
    assert.equal(held.length, 12);
    finishAll(lanes, held, true);
    const late = startNew("early", 10_000);
    assert.equal(late.length, 64 - 24);
    finishAll(lanes, late, true, 10_000);
    for (const endpointId of good) {
      offer(lanes, endpointId, 2 * LANE_START, 10_000);
    }
    finishAll(lanes, startAll(lanes, 10_000), true, 10_000);
    lanes.evictAll(10_000);
    assert.equal(startNew("later", 10_000).length, 32);
    finishAll(lanes, lanes.started(), true, 10_000);
    startNew("much later", 29_999);
    finishAll(lanes, lanes.started(), true, 29_999);
    assert.equal(startNew("long after", 40_000).length, 56);
  });

  test("what a lane held that begins to hang is not kept for others", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000 });
    const hanging = ["a", "b", "c"];
    greet(lanes, ...hanging);
    for (const endpointId of hanging) {
      offer(lanes, endpointId, LANE_START);
    }
    assert.equal(startAll(lanes).length, 24);
    for (let endpoint = 0; endpoint < 64; endpoint++) {
      offer(lanes, `new ${endpoint}`, 1, HANGING_MS + 1);
    }
    assert.equal(lanes.inFlight + startAll(lanes, HANGING_MS + 1).length, 56);
  });

  test("new lanes leave half of the memory to others while none of them can start", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 200 });
    greet(lanes, "good");
    for (let endpoint = 0; endpoint < 500; endpoint++) {
      offer(lanes, `silent ${endpoint}`, 1);
      startAll(lanes);
    }
    assert.equal(lanes.inFlight, 56);
    assert.equal(lanes.waiting, 100);
    assert.equal(offer(lanes, "good", LANE_START).length, LANE_START);
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

  test("finishing what is not in flight is refused", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 10 });
    const delivery = deliveryFor("a");
    assert.throws(() => lanes.finish(delivery, true, 0), /not in flight/);
    lanes.admit(delivery, 0);
    assert.throws(() => lanes.finish(delivery, true, 0), /not in flight/);
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

  test("a lane with a request that hangs keeps no more than it can start, and evicts the rest, the newest first", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    const offered = offer(lanes, "a", 100);
    assert.equal(startAll(lanes).length, LANE_START);
    assert.deepEqual(lanes.evictExcess(HANGING_MS), []);
    const out = lanes.evictExcess(HANGING_MS + 1);
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
    // Seven are in flight, and four may be: nothing may wait.
    assert.deepEqual(new Set(lanes.evictExcess(10)), new Set(offered.slice(LANE_START)));
  });

  test("a lane in good standing that hangs no longer takes its share again", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", LANE_START);
    const started = startAll(lanes);
    assert.equal(offer(lanes, "a", 10, HANGING_MS + 1).length, 0);
    finishAll(lanes, started, true, HANGING_MS + 1);
    assert.equal(offer(lanes, "a", 500, HANGING_MS + 1).length, 500);
  });

  test("what a lane evicts can be admitted again, and nothing of another lane comes with it", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    startAll(lanes);
    assert.deepEqual(lanes.waitingEndpoints(), ["a", "b"]);
    const out = lanes.evict("a", 0);
    assert.equal(out.length, 20 - LANE_START);
    assert.deepEqual(lanes.waitingEndpoints(), ["b"]);
    assert.deepEqual(lanes.evict("a", 0), []);
    assert.deepEqual(lanes.evict("unknown", 0), []);
    assert.ok(out.every((delivery) => lanes.admit(delivery, 0)));
    assert.equal(lanes.waiting, 2 * (20 - LANE_START));
  });

  test("what waits is told from what waits since a moment, also of a lane that was empty in between", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20, 0);
    offer(lanes, "b", 20, 10);
    assert.deepEqual(lanes.waitingEndpoints(5), ["a"]);
    assert.deepEqual(new Set(lanes.waitingEndpoints(10)), new Set(["a", "b"]));
    lanes.evict("a", 20);
    offer(lanes, "a", 1, 30);
    assert.deepEqual(lanes.waitingEndpoints(29), ["b"]);
  });

  test("after everything was evicted, work continues", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 3);
    const started = startAll(lanes);
    assert.equal(lanes.evictAll(0).length, 23 - started.length);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [started.length, 0]);
    finishAll(lanes, started, true);
    offer(lanes, "a", 5);
    assert.equal(startAll(lanes).length, 5);
  });

  test("a lane has room for what it can start from the queue, four times over if it is fast", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offerLeased(lanes, "new", 2);
    assert.equal(lanes.rooms(0).known.get("new"), LANE_START - 2);
    offerLeased(lanes, "fast", LANE_START + 1);
    const started = startAll(lanes).filter(({ endpointId }) => endpointId === "fast");
    const [first, ...others] = started;
    assert.ok(first !== undefined);
    lanes.finish(first, true, 5);
    // It was full, so nine are its limit now; seven are in flight, one waits.
    assert.equal(lanes.rooms(0).known.get("fast"), 4 * (LANE_START + 1) - others.length - 1);
    assert.equal(lanes.rooms(0).known.get("unknown"), undefined);
  });

  test("while new events come, whoever gets them, a fast lane takes one round from the queue, and a quarter more may wait", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    offerLeased(lanes, "fast", LANE_START);
    finishAll(lanes, startAll(lanes), true);
    // It was full, so nine are its limit now.
    const width = LANE_START + 1;
    assert.equal(lanes.rooms(0).known.get("fast"), 4 * width);
    offer(lanes, "other", 1);
    assert.equal(lanes.rooms(0).known.get("fast"), width);
    offerLeased(lanes, "fast", width);
    startAll(lanes);
    assert.equal(lanes.rooms(0).known.get("fast"), Math.ceil(width / 4));
    offerLeased(lanes, "fast", 1);
    assert.equal(lanes.rooms(0).known.get("fast"), Math.ceil(width / 4) - 1);
    assert.equal(lanes.rooms(999).known.get("fast"), Math.ceil(width / 4) - 1);
    assert.equal(lanes.rooms(1_000).known.get("fast"), 4 * width - width - 1);
  });

  test("new events of a fast lane leave the queue a quarter of its width, as long as there is room for four rounds", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
    greet(lanes, "fast");
    offer(lanes, "fast", LANE_START);
    startAll(lanes);
    offer(lanes, "fast", 2 * LANE_START);
    assert.equal(lanes.rooms(0).known.get("fast"), LANE_START / 4);
    offer(lanes, "fast", LANE_START - 1);
    assert.equal(lanes.rooms(0).known.get("fast"), 1);
    offer(lanes, "fast", 2);
    assert.equal(lanes.rooms(0).known.get("fast"), 0);
  });
});

/** Sets aside whatever starts. */
function setAllAside(lanes: Lanes, isShort: boolean, nowMs = 0): Delivery[] {
  const aside = startAll(lanes, nowMs);
  for (const delivery of aside) {
    lanes.setAside(delivery, { isShort, isFirst: false }, nowMs);
  }
  return aside;
}

function admitLarge(lanes: Lanes, endpointId: string, count: number, nowMs = 0): Delivery[] {
  return Array.from({ length: count }, () => largeFor(endpointId)).filter((delivery) => lanes.admit(delivery, nowMs));
}

describe("payloads that are loaded when their turn comes", () => {
  const LIMITS = { inFlightMax: 256, laneMax: 64, inHandMax: 1_000 };

  test("what is set aside waits without a slot, and holds up nothing", () => {
    const lanes = new Lanes({ ...LIMITS, inFlightMax: LANE_START });
    greet(lanes, "a", "b");
    admitLarge(lanes, "a", 5);
    for (let started = lanes.start(0); started !== null; started = lanes.start(0)) {
      lanes.setAside(started, { isShort: true, isFirst: false }, 0);
    }
    assert.deepEqual([lanes.inFlight, lanes.waiting], [0, 5]);
    offer(lanes, "a", 2);
    offer(lanes, "b", 2);
    assert.deepEqual(
      startAll(lanes)
        .map(({ endpointId }) => endpointId)
        .toSorted(),
      ["a", "a", "b", "b"],
    );
  });

  test("what was set aside is recalled in its order, to the front, as far as its lane can start it", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a", "b");
    const large = admitLarge(lanes, "a", LANE_START + 2);
    const [other] = admitLarge(lanes, "b", 1);
    // Two of "a" start only when the others have given their slots back.
    setAllAside(lanes, false);
    setAllAside(lanes, false);
    offer(lanes, "a", 1);
    recall(lanes);
    const started = startAll(lanes);
    assert.deepEqual(new Set(started), new Set([other, ...large.slice(0, started.length - 1)]));
    finishAll(lanes, started, true);
    recall(lanes);
    assert.deepEqual(startAll(lanes).slice(0, 1), large.slice(started.length - 1).slice(0, 1));
  });

  test("of a lane that is short of memory one is recalled at a time, and none before there is more", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const [first, second] = admitLarge(lanes, "a", 2);
    setAllAside(lanes, true);
    lanes.recall(0, () => false, false);
    assert.deepEqual(startAll(lanes), []);
    recall(lanes);
    assert.deepEqual(startAll(lanes), [first]);
    recall(lanes);
    assert.deepEqual(startAll(lanes), [second]);
    recall(lanes);
    assert.deepEqual(startAll(lanes), []);
  });

  test("none is recalled while a payload of its standing is being loaded", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const [ofGood] = admitLarge(lanes, "a", 1);
    const [ofNew] = admitLarge(lanes, "b", 1);
    setAllAside(lanes, false);
    lanes.recall(0, (standing) => standing === "good", true);
    assert.deepEqual(startAll(lanes), [ofNew]);
    recall(lanes);
    assert.deepEqual(startAll(lanes), [ofGood]);
  });

  test("a lane that is short of memory has no more in hand than it can start, until it is recalled", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    admitLarge(lanes, "a", 100);
    const [begun] = startAll(lanes).slice(0, 1);
    assert.ok(begun !== undefined);
    for (const delivery of lanes.started()) {
      if (delivery !== begun) {
        lanes.setAside(delivery, { isShort: true, isFirst: false }, 0);
      }
    }
    // One is in flight, and eight may be.
    assert.equal(lanes.evictExcess(0).length, 99 - (LANE_START - 1));
    assert.equal(lanes.admit(largeFor("a"), 0), false);
    recall(lanes);
    assert.equal(lanes.admit(largeFor("a"), 0), true);
  });

  test("a lane whose payload only waits for another load keeps its share", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    admitLarge(lanes, "a", 100);
    setAllAside(lanes, false);
    assert.deepEqual(lanes.evictExcess(0), []);
    assert.equal(admitLarge(lanes, "a", 100).length, 100);
  });

  test("what is set aside is evicted first", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const [large] = admitLarge(lanes, "a", 1);
    setAllAside(lanes, false);
    assert.ok(large !== undefined);
    assert.equal(lanes.evictOne("a", large.event.id, 0), large);
    assert.equal(lanes.waiting, 0);
    recall(lanes);
    assert.equal(lanes.start(0), null);
    admitLarge(lanes, "a", 3);
    setAllAside(lanes, false);
    offer(lanes, "a", 3);
    assert.deepEqual(
      lanes.evict("a", 0).map(({ event }) => event.payload),
      [null, null, null, "{}", "{}", "{}"],
    );
  });

  test("a lane does not hang while a payload is loaded, and the wait for it is not the receiver's", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    admitLarge(lanes, "a", 1);
    const [delivery] = startAll(lanes);
    assert.ok(delivery !== undefined);
    const nowMs = 10 * HANGING_MS;
    assert.equal(offer(lanes, "a", 500, nowMs).length, 500, "in good standing");
    lanes.begin(delivery, nowMs);
    lanes.evictAll(nowMs);
    lanes.finish(delivery, true, nowMs + 5);
    offer(lanes, "a", 1, nowMs + 5);
    assert.equal(startAll(lanes, nowMs + 5).length, 1);
    // Four rounds of eight, which only a lane with short requests gets, once no new event has come for a while.
    assert.equal(lanes.rooms(nowMs + 5 + HANGING_MS).known.get("a"), 4 * LANE_START - 1);
  });

  test("a request that hangs is found behind a payload that is being loaded", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    admitLarge(lanes, "a", 1);
    startAll(lanes);
    offer(lanes, "a", 1);
    startAll(lanes);
    assert.equal(offer(lanes, "a", LANE_START, HANGING_MS + 1).length, LANE_START - 2);
  });

  test("a load that comes to nothing gives its slot back, and says nothing about the receiver", () => {
    const lanes = new Lanes({ ...LIMITS, inFlightMax: LANE_START });
    admitLarge(lanes, "a", 2);
    for (const delivery of startAll(lanes)) {
      lanes.finish(delivery, null, 0);
    }
    assert.deepEqual([lanes.inFlight, lanes.waiting], [0, 0]);
    for (const endpointId of ["a", "b", "c", "d"]) {
      offer(lanes, endpointId, 2);
    }
    assert.equal(startAll(lanes).length, 4);
    for (const endpointId of ["a", "e", "f", "g", "h"]) {
      offer(lanes, endpointId, 1);
    }
    assert.equal(
      lanes.inFlight + startAll(lanes).length,
      LANE_START - 1,
      "the last slot is for lanes that have answered",
    );
  });

  test("what starts next is loaded ahead without a slot, in its order, and then starts before the others", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const large = admitLarge(lanes, "a", 3);
    offer(lanes, "a", 1);
    const first = lanes.start(0);
    assert.equal(first, large[0]);
    const ahead = takeAllAhead(lanes, "a");
    assert.deepEqual(ahead, large.slice(1));
    assert.deepEqual([lanes.inFlight, lanes.waiting], [1, 3]);
    const small = startAll(lanes);
    assert.deepEqual([small.length, small[0]?.event.payload], [1, "{}"]);
    for (const delivery of ahead) {
      addLoaded(lanes, delivery);
    }
    assert.deepEqual(startAll(lanes), ahead);
    // Their requests have begun: there is nothing to begin.
    assert.throws(() => ahead[0] !== undefined && lanes.addLoaded(ahead[0], 0), /not loaded ahead/);
    finishAll(lanes, [...ahead, ...small], true);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [1, 0]);
  });

  test("nothing is loaded ahead that is small, of unknown size, or does not fit", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a", "b");
    offer(lanes, "a", 1);
    admitLarge(lanes, "a", 1);
    assert.equal(
      lanes.takeAhead("a", () => true),
      null,
    );
    const unknown = largeFor("b");
    unknown.event.payloadBytes = 0;
    lanes.admit(unknown, 0);
    assert.equal(
      lanes.takeAhead("b", () => true),
      null,
    );
    unknown.event.payloadBytes = 40_000;
    unknown.event.hasKnownSize = false;
    assert.equal(
      lanes.takeAhead("b", () => true),
      null,
    );
    startAll(lanes);
    admitLarge(lanes, "a", 1);
    assert.equal(
      lanes.takeAhead("a", () => false),
      null,
    );
    assert.notEqual(
      lanes.takeAhead("a", () => true),
      null,
    );
  });

  test("only a lane in good standing loads ahead, and no more than it starts at a time", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "good", "short");
    admitLarge(lanes, "new", 20);
    assert.deepEqual(takeAllAhead(lanes, "new"), []);
    admitLarge(lanes, "good", 20);
    const ahead = takeAllAhead(lanes, "good");
    assert.equal(ahead.length, LANE_START);
    for (const delivery of ahead) {
      addLoaded(lanes, delivery);
    }
    assert.deepEqual(takeAllAhead(lanes, "good"), []);
    admitLarge(lanes, "short", 2);
    const [started] = startAll(lanes).filter(({ endpointId }) => endpointId === "short");
    assert.ok(started !== undefined);
    lanes.setAside(started, { isShort: true, isFirst: true }, 0);
    assert.deepEqual(takeAllAhead(lanes, "short"), []);
  });

  test("what is loaded ahead takes turns with what came with its payload", () => {
    const lanes = new Lanes({ ...LIMITS, inFlightMax: 1 });
    greet(lanes, "a");
    admitLarge(lanes, "a", 4);
    for (const delivery of takeAllAhead(lanes, "a")) {
      addLoaded(lanes, delivery);
    }
    offer(lanes, "a", 2);
    const payloads: (string | null)[] = [];
    for (let started = lanes.start(0); started !== null; started = lanes.start(0)) {
      payloads.push(started.event.payload);
      lanes.finish(started, true, 0);
    }
    assert.deepEqual(payloads, [null, "{}", null, "{}", null, null]);
  });

  test("what is loaded ahead is evicted last, also while it is being loaded", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const large = admitLarge(lanes, "a", LANE_START + 1);
    const ahead = takeAllAhead(lanes, "a");
    addLoaded(lanes, ahead[0] ?? largeFor("a"));
    assert.ok(ahead[1] !== undefined);
    assert.equal(lanes.evictOne("a", ahead[1].event.id, 0), ahead[1]);
    assert.throws(() => ahead[1] !== undefined && lanes.addLoaded(ahead[1], 0), /not loaded ahead/);
    const evicted = lanes.evict("a", 0);
    assert.deepEqual(new Set(evicted), new Set(large.filter((delivery) => delivery !== ahead[1])));
    assert.deepEqual([evicted[0], evicted.at(-1), lanes.waiting], [large.at(-1), ahead[0], 0]);
  });

  test("setting aside or beginning what is not in flight is refused", () => {
    const lanes = new Lanes(LIMITS);
    const delivery = largeFor("a");
    lanes.admit(delivery, 0);
    assert.throws(() => lanes.setAside(delivery, { isShort: true, isFirst: false }, 0), /not in flight/);
    assert.throws(() => lanes.begin(delivery, 0), /not in flight/);
  });
});

describe("first requests without an answer", () => {
  const LIMITS = { inFlightMax: 64, laneMax: 64, inHandMax: 10_000 };
  /** All slots that new lanes may take. */
  const FOR_NEW = 56;

  /** One delivery for each of so many endpoints that were never sent anything; returns what starts. */
  function offerNew(lanes: Lanes, prefix: string, count: number, nowMs = 0): Delivery[] {
    for (let endpoint = 0; endpoint < count; endpoint++) {
      offer(lanes, `${prefix} ${endpoint}`, 1, nowMs);
    }
    return startAll(lanes, nowMs);
  }

  test("give their slots back while these are scarce, so that the next newcomers start", () => {
    const lanes = new Lanes(LIMITS);
    assert.equal(offerNew(lanes, "first", FOR_NEW + 20).length, FOR_NEW);
    assert.equal(startAll(lanes, UNANSWERED_MS).length, 0);
    const next = startAll(lanes, UNANSWERED_MS + RECOUNT_MS);
    assert.equal(next.length, 20);
    assert.deepEqual([lanes.inFlight, lanes.apart], [FOR_NEW + 20, FOR_NEW - 31]);
  });

  test("keep them while half of the slots are free", () => {
    const lanes = new Lanes(LIMITS);
    assert.equal(offerNew(lanes, "first", 31).length, 31);
    startAll(lanes, 2 * HANGING_MS);
    assert.equal(lanes.apart, 0);
  });

  test("are the only ones to their endpoints until they are answered", () => {
    const lanes = new Lanes(LIMITS);
    const [first] = offerNew(lanes, "first", FOR_NEW);
    assert.ok(first !== undefined);
    const nowMs = UNANSWERED_MS + RECOUNT_MS;
    assert.deepEqual(startAll(lanes, nowMs), []);
    assert.equal(lanes.apart, FOR_NEW - 31);
    const apart = lanes.started().filter(({ lane }) => lane !== null && "isApart" in lane && lane.isApart === true);
    const [one] = apart;
    assert.ok(one !== undefined);
    offer(lanes, one.endpointId, 5, nowMs);
    assert.deepEqual(startAll(lanes, nowMs), [], "although slots are not scarce any more");
    assert.equal(lanes.rooms(nowMs).known.get(one.endpointId), 0);
    lanes.finish(one, true, nowMs);
    assert.equal(lanes.apart, apart.length - 1);
    assert.equal(startAll(lanes, nowMs).length, 5);
  });

  test("that fail give their endpoints no such place again", () => {
    const lanes = new Lanes(LIMITS);
    finishAll(lanes, offerNew(lanes, "first", FOR_NEW), false);
    const again = offerNew(lanes, "first", FOR_NEW);
    assert.ok(again.length >= 32);
    startAll(lanes, 2 * HANGING_MS);
    assert.equal(lanes.apart, 0);
  });

  test("give their slots back as well if their endpoints are known not to answer", () => {
    const lanes = new Lanes({ ...LIMITS, inFlightMax: 16 });
    for (let endpoint = 0; endpoint < 30; endpoint++) {
      lanes.suspect(`silent ${endpoint}`, 0);
    }
    const started = offerNew(lanes, "silent", 30);
    for (let nowMs = RECOUNT_MS; nowMs <= 20 * RECOUNT_MS; nowMs += RECOUNT_MS) {
      started.push(...startAll(lanes, nowMs));
    }
    assert.equal(started.length, 30);
  });

  test("keep their slots if their endpoints have answered once, or if they are large", () => {
    const lanes = new Lanes(LIMITS);
    const known = Array.from({ length: 20 }, (_, index) => `known ${index}`);
    greet(lanes, ...known);
    for (const endpointId of known) {
      offer(lanes, endpointId, 1);
    }
    for (let endpoint = 0; endpoint < 30; endpoint++) {
      const large = deliveryFor(`large ${endpoint}`);
      lanes.admit({ ...large, event: { ...large.event, payload: `"${"x".repeat(5_000)}"` } }, 0);
    }
    assert.equal(startAll(lanes).length, 50);
    startAll(lanes, 2 * HANGING_MS);
    assert.equal(lanes.apart, 0);
  });

  test("are limited in number, and whoever comes then waits until the first of them end", () => {
    const lanes = new Lanes(LIMITS);
    const places = apartMax(LIMITS.inFlightMax) + FOR_NEW;
    let nowMs = 0;
    const started = offerNew(lanes, "silent", places + 10);
    while (started.length < places && nowMs < 60_000) {
      nowMs += RECOUNT_MS;
      started.push(...startAll(lanes, nowMs));
    }
    assert.equal(started.length, places);
    offer(lanes, "late", 1, nowMs);
    startAll(lanes, nowMs + HANGING_MS);
    assert.equal(lanes.inFlight, places);
    finishAll(lanes, started.slice(0, 11), false, 15_000);
    assert.ok(startAll(lanes, 15_000).some(({ endpointId }) => endpointId === "late"));
  });
});

/** Deliveries of the world below, and what became of them. */
interface Journey {
  readonly delivery: Delivery;
  readonly admittedMs: number;
  endsMs: number;
}

/**
 * A daemon that starts among 1,000 endpoints. Each second it gets one event for each of 200 that answer after `answerMs`, and
 * for each of 200 that never do, of which Postgres knows it or not. Returns how long those that answer waited for their slots.
 */
function coldStart(answerMs: number, isKnown: boolean): { readonly waitsMs: number[]; readonly refused: number } {
  const STEP_MS = 5;
  const HALF = 500;
  const lanes = new Lanes({ inFlightMax: 256, laneMax: 64, inHandMax: 6 * 256 });
  const journeys = new Map<Delivery, Journey>();
  const waitsMs: number[] = [];
  let refused = 0;
  const isSilent = ({ endpointId }: Delivery) => endpointId.startsWith("silent");
  for (let nowMs = 0, number = 0; nowMs < 14_000; nowMs += STEP_MS, number += 1) {
    for (const { delivery, endsMs } of journeys.values()) {
      if (endsMs <= nowMs) {
        journeys.delete(delivery);
        lanes.finish(delivery, !isSilent(delivery), nowMs);
      }
    }
    for (const kind of ["silent", "well"]) {
      const delivery = deliveryFor(`${kind} ${number % HALF}`);
      if (isKnown && isSilent(delivery)) {
        lanes.suspect(delivery.endpointId, nowMs);
      }
      if (lanes.admit(delivery, nowMs)) {
        journeys.set(delivery, { delivery, admittedMs: nowMs, endsMs: Number.POSITIVE_INFINITY });
      } else if (kind === "well") {
        refused += 1;
      }
    }
    for (const delivery of startAll(lanes, nowMs)) {
      const journey = journeys.get(delivery);
      assert.ok(journey !== undefined);
      journey.endsMs = nowMs + (isSilent(delivery) ? 15_000 : answerMs);
      if (!isSilent(delivery)) {
        waitsMs.push(nowMs - journey.admittedMs);
      }
    }
  }
  return { waitsMs, refused };
}

for (const [who, isKnown] of [
  ["of which half never answer", false],
  ["of which half are known not to answer", true],
] as const) {
  for (const answerMs of [100, 300]) {
    test(`a daemon that starts among 1,000 endpoints ${who} lets the others start, which answer after ${answerMs} ms`, () => {
      const { waitsMs, refused } = coldStart(answerMs, isKnown);
      assert.deepEqual([refused, waitsMs.length], [0, 2_800]);
      assert.ok(Math.max(...waitsMs) <= 5, `${Math.max(...waitsMs)} ms`);
    });
  }
}

type Step =
  | { readonly kind: "admit" | "admitLarge"; readonly endpoint: number; readonly count: number }
  | { readonly kind: "setAside"; readonly nth: number; readonly isShort: boolean }
  | { readonly kind: "begin"; readonly nth: number }
  | { readonly kind: "takeAhead"; readonly endpoint: number; readonly count: number }
  | { readonly kind: "addLoaded"; readonly nth: number }
  | { readonly kind: "recall" }
  | { readonly kind: "start"; readonly count: number }
  | { readonly kind: "finish"; readonly nth: number; readonly answered: boolean }
  | { readonly kind: "evict"; readonly endpoint: number }
  | { readonly kind: "evictExcess" | "evictAll" }
  | { readonly kind: "pass"; readonly ms: number };

const endpoints = fc.integer({ min: 0, max: 4 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("admit"), endpoint: endpoints, count: fc.nat(400) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("admitLarge"), endpoint: endpoints, count: fc.nat(40) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("setAside"), nth: fc.nat(500), isShort: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("begin"), nth: fc.nat(500) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("takeAhead"), endpoint: endpoints, count: fc.nat(10) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("addLoaded"), nth: fc.nat(500) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("recall") }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("start"), count: fc.nat(400) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("finish"), nth: fc.nat(500), answered: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("evict"), endpoint: endpoints }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("evictExcess", "evictAll") }) },
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
      const started: Delivery[] = [];
      /** Those that wait and are being loaded ahead. */
      const ahead = new Set<Delivery>();
      let nowMs = 0;
      const leave = (evicted: readonly Delivery[], endpointId?: string): void => {
        for (const delivery of evicted) {
          assert.ok(waiting.delete(delivery), "evicted what did not wait");
          ahead.delete(delivery);
          assert.ok(endpointId === undefined || delivery.endpointId === endpointId);
        }
      };
      const startOne = (): boolean => {
        const delivery = lanes.start(nowMs);
        if (delivery === null) {
          return false;
        }
        assert.ok(waiting.delete(delivery), "started what did not wait");
        assert.ok(!ahead.has(delivery), "started what is being loaded");
        started.push(delivery);
        return true;
      };
      const admit = (delivery: Delivery): void => {
        if (lanes.admit(delivery, nowMs)) {
          waiting.add(delivery);
        }
      };
      const largeAt = (nth: number): Delivery | undefined => {
        const large = started.filter(({ event, loadedPayload }) => event.payload === null && loadedPayload === null);
        return large[nth % Math.max(1, large.length)];
      };
      const addOneLoaded = (nth: number): void => {
        const delivery = [...ahead][nth % Math.max(1, ahead.size)];
        if (delivery !== undefined) {
          ahead.delete(delivery);
          addLoaded(lanes, delivery, nowMs);
        }
      };
      const check = (): void => {
        assert.deepEqual([lanes.inFlight, lanes.waiting], [started.length, waiting.size]);
        assert.deepEqual(new Set(lanes.started()), new Set(started));
        assert.ok(lanes.inFlight - lanes.apart <= limits.inFlightMax);
        assert.ok(lanes.apart >= 0 && lanes.apart <= apartMax(limits.inFlightMax));
        for (const [, ofEndpoint] of Map.groupBy(started, ({ endpointId }) => endpointId)) {
          assert.ok(ofEndpoint.length <= limits.laneMax);
        }
        assert.deepEqual(new Set(lanes.waitingEndpoints()), new Set([...waiting].map(({ endpointId }) => endpointId)));
        assert.ok([...lanes.rooms(nowMs).known.values()].every((room) => room >= 0));
      };
      const apply = (step: Step): void => {
        switch (step.kind) {
          case "admit":
          case "admitLarge":
            for (let count = 0; count < step.count; count++) {
              admit((step.kind === "admit" ? deliveryFor : largeFor)(String(step.endpoint)));
            }
            break;
          case "setAside": {
            const delivery = largeAt(step.nth);
            if (delivery !== undefined) {
              lanes.setAside(delivery, { isShort: step.isShort, isFirst: false }, nowMs);
              started.splice(started.indexOf(delivery), 1);
              waiting.add(delivery);
            }
            break;
          }
          case "begin": {
            const delivery = largeAt(step.nth);
            if (delivery !== undefined) {
              lanes.begin(delivery, nowMs);
            }
            break;
          }
          case "takeAhead":
            for (let count = 0; count < step.count; count++) {
              const delivery = lanes.takeAhead(String(step.endpoint), () => true);
              if (delivery !== null) {
                assert.ok(waiting.has(delivery) && !ahead.has(delivery), "taken twice");
                ahead.add(delivery);
              }
            }
            break;
          case "addLoaded":
            addOneLoaded(step.nth);
            break;
          case "recall":
            recall(lanes, nowMs);
            break;
          case "start":
            for (let count = 0; count < step.count && startOne(); count++);
            break;
          case "finish":
            finishAll(lanes, started.splice(step.nth % Math.max(1, started.length), 1), step.answered, nowMs);
            break;
          case "evict":
            leave(lanes.evict(String(step.endpoint), nowMs), String(step.endpoint));
            break;
          case "evictExcess":
            leave(lanes.evictExcess(nowMs));
            break;
          case "evictAll":
            leave(lanes.evictAll(nowMs));
            assert.equal(waiting.size, 0);
            break;
          case "pass":
            nowMs += step.ms;
            break;
        }
      };
      for (const step of steps) {
        apply(step);
        check();
      }
      // Waiting deliveries can always finish, so no lane is forgotten.
      while (waiting.size > 0 || started.length > 0) {
        recall(lanes, nowMs);
        while (ahead.size > 0) {
          addOneLoaded(0);
        }
        while (startOne());
        assert.ok(started.length > 0, "something waits, nothing is in flight, and nothing starts");
        finishAll(lanes, started.splice(0), true, nowMs);
        check();
      }
    }),
    { numRuns: 300 },
  );
});

test("of very many endpoints, those with something in hand are kept, and of the others as many as endpoints are kept", () => {
  const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000 });
  offer(lanes, "busy", 3);
  const inFlight = startAll(lanes);
  assert.equal(inFlight.length, 3);
  const endpointIds = Array.from({ length: 3 * ENDPOINTS_MAX }, (_, index) => `endpoint ${index}`);
  greet(lanes, ...endpointIds);
  const kept = endpointIds.filter((endpointId) => lanes.standingOf(endpointId) === "good").length;
  assert.ok(kept > 1_000 && kept <= ENDPOINTS_MAX, `${kept} lanes`);
  assert.equal(lanes.standingOf(String(endpointIds.at(-1))), "good");
  assert.equal(lanes.rooms(0).known.get("busy"), LANE_START - 3);
  finishAll(lanes, inFlight, true);
  assert.equal(lanes.inFlight, 0);
});

describe("the rooms that a walk over the queue gets", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => `endpoint ${index}`);
  const limits = { inFlightMax: 100, laneMax: 64, inHandMax: 1_000 };

  test("lanes with nothing in hand that are like new ones are left out", () => {
    const lanes = new Lanes(limits);
    greet(lanes, ...many);
    offer(lanes, "busy", 1);
    assert.deepEqual([...lanes.rooms(0).known.keys()], ["busy"]);
    assert.equal(lanes.rooms(0).unknown, LANE_START);
  });

  test("one that has lost requests, and one that has earned more, are in them", () => {
    const lanes = new Lanes(limits);
    greet(lanes, ...many);
    offer(lanes, "bad", 1);
    finishAll(lanes, startAll(lanes), false);
    offer(lanes, "wide", LANE_START);
    finishAll(lanes, startAll(lanes), true);
    assert.deepEqual(
      [...lanes.rooms(0).known],
      [
        ["bad", LANE_START / 2],
        ["wide", LANE_START + 1],
      ],
    );
  });

  test("while a new lane gets no slot, one that has answered has its room, and there are no more than some thousands", () => {
    const lanes = new Lanes(limits);
    greet(lanes, ...many);
    for (let index = 0; lanes.rooms(0).unknown > 0; index++) {
      offer(lanes, `new ${index}`, LANE_START);
      startAll(lanes);
    }
    const { known } = lanes.rooms(0);
    assert.equal(known.get("endpoint 0"), LANE_START);
    assert.ok(known.size > 1_000 && known.size < 5_000, `${known.size} rooms`);
  });
});

test("lanes that never run empty let go of what they have started", async () => {
  const lanes = new Lanes({ inFlightMax: 256, laneMax: 64, inHandMax: 1_200 });
  const started: WeakRef<Delivery>[] = [];
  const endpointIds = Array.from({ length: 120 }, (_, index) => `endpoint ${index}`);
  for (const endpointId of endpointIds) {
    offer(lanes, endpointId, 2);
  }
  for (let round = 0; round < 20; round++) {
    for (let start = 0; start < endpointIds.length; start++) {
      const delivery = lanes.start(0);
      assert.ok(delivery !== null);
      lanes.finish(delivery, true, 0);
      started.push(new WeakRef(delivery));
      offer(lanes, delivery.endpointId, 1);
    }
  }
  assert.equal(lanes.waiting, 2 * endpointIds.length);
  // The target of a new WeakRef lives until the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  const kept = started.filter((reference) => reference.deref() !== undefined).length;
  assert.equal(started.length, 20 * endpointIds.length);
  assert.ok(kept <= 1, `${kept} of ${started.length} are kept`);
});

/** The function that --expose-gc adds, for contexts made from then on. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert.ok(typeof collect === "function");
  collect();
}
