import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Lanes, type PayloadLoad } from "../../../src/daemon/deliver/lanes.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";

/** What a lane may do before it has answered, and after how long a request hangs; as in src/pipeline/lanes.ts. */
const LANE_START = 8;
const HANGING_MS = 1_000;
/** Of large payloads, where a test is about them. */
const HELD_BYTES_MAX = 1_000;

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

function largeFor(endpointId: string): Delivery {
  const delivery = deliveryFor(endpointId);
  return { ...delivery, event: { ...delivery.event, payload: null } };
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

/** Lets each lose one request, so that they are in doubt, with nothing in hand. */
function lose(lanes: Lanes, ...endpointIds: readonly string[]): void {
  for (const endpointId of endpointIds) {
    offer(lanes, endpointId, 1);
    finishAll(lanes, startAll(lanes), false);
  }
}

describe("what starts", () => {
  test("a new lane starts eight at a time", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    offer(lanes, "a", 50);
    assert.equal(startAll(lanes).length, LANE_START);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [LANE_START, 50 - LANE_START]);
  });

  test("lanes with something to start take turns, one delivery each", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    offer(lanes, "a", 20);
    offer(lanes, "b", 20);
    offer(lanes, "c", 2);
    const order = startAll(lanes).map(({ endpointId }) => endpointId);
    assert.deepEqual(order.slice(0, 8), ["a", "b", "c", "a", "b", "c", "a", "b"]);
  });

  test("one lane's deliveries start in the order in which they were offered", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 64, inHandMax: 2_000, heldBytesMax: 1_000 });
    const offered = offer(lanes, "a", 600);
    const started: Delivery[] = [];
    for (let next = lanes.start(0); next !== null; next = lanes.start(0)) {
      started.push(next);
      lanes.finish(next, true, 0);
    }
    assert.deepEqual(started, offered);
  });

  test("first attempts go before what came from the queue, and leave it one turn in four", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 64, inHandMax: 2_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 10_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    offer(lanes, "bad", 1);
    finishAll(lanes, startAll(lanes), false);
    assert.equal(lanes.rooms(60_000).known.get("bad"), LANE_START / 2);
    assert.equal(lanes.rooms(60_001).known.get("bad"), undefined);
  });

  test("a lane that answers while it is full earns more, up to its limit", () => {
    const lanes = new Lanes({ inFlightMax: 1_000, laneMax: 20, inHandMax: 10_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 1_000, laneMax: 64, inHandMax: 10_000, heldBytesMax: 1_000 });
    for (let round = 0; round < 20; round++) {
      offer(lanes, "a", LANE_START - 1);
      finishAll(lanes, startAll(lanes), true);
    }
    offer(lanes, "a", 50);
    assert.equal(startAll(lanes).length, LANE_START);
  });

  test("a lane that does not answer loses half each time, down to one, and one answer at a time brings it back", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    offer(lanes, "a", 20);
    finishAll(lanes, startAll(lanes), false);
    const [only, ...others] = startAll(lanes);
    assert.ok(only !== undefined);
    assert.equal(others.length, 0);
    lanes.finish(only, true, 0);
    assert.equal(startAll(lanes).length, 2);
  });

  test("a lane of one and a daemon of one work", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 10, heldBytesMax: 1_000 });
    const offered = offer(lanes, "a", 5);
    for (const delivery of offered) {
      assert.deepEqual(startAll(lanes), [delivery]);
      lanes.finish(delivery, true, 0);
    }
    assert.deepEqual([lanes.inFlight, lanes.waiting], [0, 0]);
  });

  test("finishing what is not under way is refused", () => {
    const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 10, heldBytesMax: 1_000 });
    const delivery = deliveryFor("a");
    assert.throws(() => lanes.finish(delivery, true, 0), /not under way/);
    lanes.offer(delivery, 0);
    assert.throws(() => lanes.finish(delivery, true, 0), /not under way/);
  });
});

describe("what waits in memory", () => {
  test("one lane alone may fill all that a daemon can have in hand", () => {
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 100, heldBytesMax: 1_000 });
    assert.equal(offer(lanes, "a", 150).length, 100);
  });

  test("two lanes have half each", () => {
    const lanes = new Lanes({ inFlightMax: 10, laneMax: 64, inHandMax: 100, heldBytesMax: 1_000 });
    offer(lanes, "a", 1);
    assert.equal(offer(lanes, "b", 150).length, 50);
    assert.equal(offer(lanes, "a", 150).length, 49);
  });

  test("lanes with nothing in hand take no share, however many have lost requests before", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    for (let endpoint = 0; endpoint < 2_000; endpoint++) {
      offer(lanes, `bad ${endpoint}`, 1);
      finishAll(lanes, startAll(lanes), false);
    }
    assert.equal(offer(lanes, "a", 500).length, 500);
  });

  test("a lane in good standing has a few in hand, however many others there are", () => {
    const lanes = new Lanes({ inFlightMax: 64, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    for (let endpoint = 0; endpoint < 2_000; endpoint++) {
      assert.equal(offer(lanes, `other ${endpoint}`, 1).length, 1);
    }
    assert.equal(offer(lanes, "a", 20).length, LANE_START);
  });

  test("a lane with a request that hangs keeps no more than it can start, and gives out the rest, the last in first", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    const offered = offer(lanes, "a", 100);
    assert.equal(startAll(lanes).length, LANE_START);
    assert.deepEqual(lanes.putOutExcess(HANGING_MS), []);
    const out = lanes.putOutExcess(HANGING_MS + 1);
    assert.deepEqual(new Set(out), new Set(offered.slice(LANE_START)));
    assert.equal(lanes.waiting, 0);
    assert.equal(offer(lanes, "a", 10, HANGING_MS + 1).length, 0);
  });

  test("a lane that has lost requests keeps as many as it can start", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    const offered = offer(lanes, "a", 100);
    const [first] = startAll(lanes);
    assert.ok(first !== undefined);
    lanes.finish(first, false, 10);
    // Seven are under way and four may be: nothing may wait.
    assert.deepEqual(new Set(lanes.putOutExcess(10)), new Set(offered.slice(LANE_START)));
  });

  test("a lane in good standing that hangs no longer takes its share again", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
    offer(lanes, "a", LANE_START);
    const started = startAll(lanes);
    assert.equal(offer(lanes, "a", 10, HANGING_MS + 1).length, 0);
    finishAll(lanes, started, true, HANGING_MS + 1);
    assert.equal(offer(lanes, "a", 500, HANGING_MS + 1).length, 500);
  });

  test("what a lane puts out can be offered again, and nothing of another lane comes with it", () => {
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
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
    const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
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

/** Takes as many payloads in as may be, of so many bytes each; returns the deliveries that are under way with them. */
function loadAll(lanes: Lanes, bytes: number, nowMs = 0): Delivery[] {
  const loaded: Delivery[] = [];
  for (let load = lanes.startLoad(nowMs); load !== null; load = lanes.startLoad(nowMs)) {
    if (bytes <= load.bytesMax) {
      lanes.loaded(load.delivery, bytes, nowMs);
      loaded.push(load.delivery);
    } else {
      lanes.putBack(load.delivery, bytes, nowMs);
    }
  }
  return loaded;
}

function offerLarge(lanes: Lanes, endpointId: string, count: number, nowMs = 0): void {
  for (let offered = 0; offered < count; offered++) {
    assert.ok(lanes.offer(largeFor(endpointId), nowMs));
  }
}

describe("payloads that are loaded when their turn comes", () => {
  const LIMITS = { inFlightMax: 256, laneMax: 64, inHandMax: 1_000, heldBytesMax: HELD_BYTES_MAX };

  test("half of the memory is not for lanes that hang, and a quarter only for those that have answered", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "good");
    for (let endpoint = 0; endpoint < 30; endpoint++) {
      offerLarge(lanes, `new ${endpoint}`, LANE_START);
    }
    const loaded = loadAll(lanes, 10);
    assert.ok(loaded.length * 10 > 700 && loaded.length * 10 <= 750, `${loaded.length} payloads of ten bytes`);
    offerLarge(lanes, "good", 1);
    assert.equal(lanes.startLoad(0)?.bytesMax, HELD_BYTES_MAX - loaded.length * 10);
  });

  test("beside lanes that hang a payload of the largest size finds memory", () => {
    const lanes = new Lanes(LIMITS);
    const hanging = Array.from({ length: 50 }, (_, index) => `hanging ${index}`);
    greet(lanes, "good", ...hanging);
    for (const endpointId of hanging) {
      offerLarge(lanes, endpointId, 1);
    }
    assert.equal(loadAll(lanes, 1).length, hanging.length);
    const nowMs = HANGING_MS + 1;
    for (const endpointId of hanging) {
      offerLarge(lanes, endpointId, LANE_START - 1, nowMs);
    }
    const heldBytes = hanging.length + loadAll(lanes, 10, nowMs).length * 10;
    assert.ok(heldBytes > HELD_BYTES_MAX / 2 - 20 && heldBytes <= HELD_BYTES_MAX / 2, `${heldBytes} bytes`);
    offerLarge(lanes, "good", 1, nowMs);
    assert.equal(lanes.startLoad(nowMs)?.bytesMax, HELD_BYTES_MAX / 2);
  });

  test("one that hangs and holds nothing gets its memory, though others that hang take all that comes free", () => {
    const lanes = new Lanes(LIMITS);
    const others = Array.from({ length: 10 }, (_, index) => `other ${index}`);
    lose(lanes, "large", ...others);
    for (const endpointId of others) {
      offerLarge(lanes, endpointId, 4);
    }
    const held = loadAll(lanes, 20);
    assert.ok(held.length * 20 > HELD_BYTES_MAX / 4);
    offerLarge(lanes, "large", 1);
    assert.equal(loadAll(lanes, HELD_BYTES_MAX / 2).length, 0);
    for (const delivery of held) {
      assert.deepEqual(loadAll(lanes, 20), [], "another one has taken what came free");
      lanes.finish(delivery, null, 0);
      offerLarge(lanes, delivery.endpointId, 1);
    }
    assert.equal(lanes.startLoad(0)?.delivery.endpointId, "large");
  });

  test("one that waited for memory and was put out is waited for no more", () => {
    const lanes = new Lanes(LIMITS);
    lose(lanes, "large", "other");
    offerLarge(lanes, "other", 2);
    const [held] = loadAll(lanes, 100).slice(0, 1);
    assert.ok(held !== undefined);
    offerLarge(lanes, "large", 1);
    assert.equal(loadAll(lanes, HELD_BYTES_MAX / 2).length, 0);
    lanes.putOut("large", 0);
    lanes.finish(held, null, 0);
    offerLarge(lanes, "other", 1);
    assert.equal(loadAll(lanes, 100).length, 1);
  });

  test("one lane gets half of what its standing may have, and leaves the rest to who holds less", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a", "b");
    offerLarge(lanes, "a", 20);
    assert.equal(loadAll(lanes, 100).length, 5);
    offerLarge(lanes, "b", 20);
    assert.deepEqual(
      loadAll(lanes, 100).map(({ endpointId }) => endpointId),
      ["b", "b", "b"],
    );
  });

  test("the first of the lanes with a payload to load is not always the same", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a", "b", "c");
    for (const endpointId of ["a", "b", "c"]) {
      offerLarge(lanes, endpointId, 2);
    }
    const order = loadAll(lanes, 10).map(({ endpointId }) => endpointId);
    assert.deepEqual(order, ["a", "b", "c", "a", "b", "c"]);
  });

  test("one payload of each standing is loaded at a time", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "good", "good too");
    for (const endpointId of ["good", "good too", "new", "new too"]) {
      offerLarge(lanes, endpointId, 2);
    }
    const loads = [lanes.startLoad(0), lanes.startLoad(0)];
    assert.deepEqual(loads.map((load) => load?.delivery.endpointId).sort(), ["good", "new"]);
    assert.equal(lanes.startLoad(0), null);
    const [load] = loads;
    assert.ok(load != null);
    lanes.loaded(load.delivery, 10, 0);
    assert.notEqual(lanes.startLoad(0), null);
    assert.equal(lanes.startLoad(0), null);
  });

  test("what finds no memory waits as the first of its lane, without a slot, and holds up nobody else", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a", "b");
    offerLarge(lanes, "a", 3);
    const [first, ...others] = [lanes.startLoad(0)];
    assert.deepEqual([first?.bytesMax, others], [HELD_BYTES_MAX / 2, []]);
    assert.ok(first != null);
    lanes.loaded(first.delivery, 400, 0);
    const second = lanes.startLoad(0);
    assert.equal(second?.bytesMax, 200);
    lanes.putBack(second.delivery, 300, 0);
    assert.deepEqual([lanes.inFlight, lanes.waiting], [1, 2]);
    assert.equal(lanes.startLoad(0), null, "its size is known");
    offer(lanes, "a", 1);
    assert.equal(startAll(lanes).length, 1, "small ones of the same lane go on");
    offerLarge(lanes, "b", 1);
    assert.equal(lanes.startLoad(0)?.delivery.endpointId, "b");
    finishAll(lanes, [first.delivery], true);
    // Another one is being loaded for a lane in good standing.
    assert.equal(lanes.startLoad(0), null);
  });

  test("what found no memory is loaded when some is given back", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    offerLarge(lanes, "a", 2);
    const [first] = loadAll(lanes, 400);
    assert.ok(first !== undefined);
    assert.equal(lanes.startLoad(0), null);
    lanes.finish(first, true, 0);
    assert.equal(lanes.startLoad(0)?.bytesMax, HELD_BYTES_MAX / 2);
  });

  test("a smaller one whose turn comes before it is not held up by one that found no memory", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    const queued = { ...largeFor("a"), tenure: { kind: "leased", untilMs: 1_000_000 } } as const;
    offerLarge(lanes, "a", 1);
    assert.equal(loadAll(lanes, 400).length, 1);
    assert.ok(lanes.offer(queued, 0));
    assert.equal(loadAll(lanes, 400).length, 0);
    offerLarge(lanes, "a", 1);
    assert.equal(loadAll(lanes, 50).length, 1);
  });

  test("a lane that waits for memory has no more in hand than it can start", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    offerLarge(lanes, "a", 100);
    assert.equal(loadAll(lanes, 400).length, 1);
    // One is under way, and eight may be, and one more for the answer.
    assert.equal(lanes.putOutExcess(0).length, 99 - (LANE_START - 1));
    assert.equal(lanes.offer(largeFor("a"), 0), false);
  });

  test("a lane does not hang while a payload is loaded, and the wait for it is not the receiver's", () => {
    const lanes = new Lanes(LIMITS);
    greet(lanes, "a");
    offerLarge(lanes, "a", 1);
    const load = lanes.startLoad(0);
    assert.ok(load !== null);
    const nowMs = 10 * HANGING_MS;
    assert.equal(offer(lanes, "a", 500, nowMs).length, 500, "in good standing");
    lanes.loaded(load.delivery, 10, nowMs);
    lanes.putOutAll(nowMs);
    lanes.finish(load.delivery, true, nowMs + 5);
    // Four rounds of eight, which only a lane with short requests gets.
    assert.equal(lanes.rooms(nowMs + 5).known.get("a"), 4 * LANE_START);
  });

  test("a load that comes to nothing gives back slot and memory, and says nothing about the receiver", () => {
    const lanes = new Lanes({ ...LIMITS, inFlightMax: LANE_START });
    offerLarge(lanes, "a", 2);
    for (const expected of [HELD_BYTES_MAX / 2, HELD_BYTES_MAX / 2]) {
      const load = lanes.startLoad(0);
      assert.equal(load?.bytesMax, expected);
      lanes.finish(load.delivery, null, 0);
    }
    assert.deepEqual([lanes.inFlight, lanes.waiting], [0, 0]);
    offer(lanes, "a", LANE_START);
    assert.equal(startAll(lanes).length, LANE_START - 1, "the last slot is for lanes that have answered");
  });

  test("ending a load that is none is refused", () => {
    const lanes = new Lanes(LIMITS);
    const delivery = largeFor("a");
    lanes.offer(delivery, 0);
    assert.throws(() => lanes.loaded(delivery, 1, 0), /no payload is being loaded/);
    assert.throws(() => lanes.putBack(delivery, 1, 0), /no payload is being loaded/);
    assert.throws(() => lanes.finish(delivery, null, 0), /not under way/);
  });
});

type Step =
  | { readonly kind: "offer" | "offerLarge"; readonly endpoint: number; readonly count: number }
  | { readonly kind: "load"; readonly count: number }
  | { readonly kind: "endLoad"; readonly nth: number; readonly bytes: number }
  | { readonly kind: "start"; readonly count: number }
  | { readonly kind: "finish"; readonly nth: number; readonly answered: boolean }
  | { readonly kind: "putOut"; readonly endpoint: number }
  | { readonly kind: "putOutExcess" | "putOutAll" }
  | { readonly kind: "pass"; readonly ms: number };

const endpoints = fc.integer({ min: 0, max: 4 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("offer"), endpoint: endpoints, count: fc.nat(400) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("offerLarge"), endpoint: endpoints, count: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("load"), count: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("endLoad"), nth: fc.nat(5), bytes: fc.nat(700) }) },
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
    heldBytesMax: fc.constant(HELD_BYTES_MAX),
  });
  fc.assert(
    fc.property(limits, fc.array(steps, { maxLength: 120 }), (limits, steps) => {
      const lanes = new Lanes(limits);
      const waiting = new Set<Delivery>();
      const underWay: Delivery[] = [];
      const loads: PayloadLoad[] = [];
      /** What each large payload has, once it was looked at, and those that are in memory. */
      const sizes = new Map<Delivery, number>();
      const held = new Set<Delivery>();
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
      const startOneLoad = (): boolean => {
        const load = lanes.startLoad(nowMs);
        if (load === null) {
          return false;
        }
        assert.ok(waiting.delete(load.delivery), "loaded for what did not wait");
        assert.ok((sizes.get(load.delivery) ?? 0) <= load.bytesMax, "loaded what was known to find no memory");
        loads.push(load);
        return true;
      };
      /** A payload that is more than the half of all is found too large to send. */
      const endLoad = ({ delivery, bytesMax }: PayloadLoad, bytes: number): void => {
        const size = sizes.get(delivery) ?? bytes;
        sizes.set(delivery, size);
        if (size > HELD_BYTES_MAX / 2) {
          lanes.finish(delivery, null, nowMs);
        } else if (size > bytesMax) {
          lanes.putBack(delivery, size, nowMs);
          waiting.add(delivery);
        } else {
          lanes.loaded(delivery, size, nowMs);
          held.add(delivery);
          underWay.push(delivery);
        }
      };
      const finish = (delivery: Delivery, answered: boolean): void => {
        held.delete(delivery);
        lanes.finish(delivery, answered, nowMs);
      };
      const check = (): void => {
        const started = [...underWay, ...loads.map(({ delivery }) => delivery)];
        assert.deepEqual([lanes.inFlight, lanes.waiting], [started.length, waiting.size]);
        assert.ok(started.length <= limits.inFlightMax);
        const heldBytes = [...held].reduce((sum, delivery) => sum + (sizes.get(delivery) ?? 0), 0);
        const loadBytes = loads.reduce((sum, { bytesMax }) => sum + bytesMax, 0);
        assert.ok(heldBytes + loadBytes <= HELD_BYTES_MAX, `${heldBytes} bytes held, up to ${loadBytes} being loaded`);
        for (const [, ofEndpoint] of Map.groupBy(started, ({ endpointId }) => endpointId)) {
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
          case "offerLarge":
            for (let count = 0; count < step.count; count++) {
              const delivery = largeFor(String(step.endpoint));
              if (lanes.offer(delivery, nowMs)) {
                waiting.add(delivery);
              }
            }
            break;
          case "load":
            for (let count = 0; count < step.count && startOneLoad(); count++);
            break;
          case "endLoad":
            for (const load of loads.splice(step.nth % Math.max(1, loads.length), 1)) {
              endLoad(load, step.bytes);
            }
            break;
          case "start":
            for (let count = 0; count < step.count && startOne(); count++);
            break;
          case "finish": {
            const [delivery] = underWay.splice(step.nth % Math.max(1, underWay.length), 1);
            if (delivery !== undefined) {
              finish(delivery, step.answered);
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
      while (waiting.size > 0 || underWay.length > 0 || loads.length > 0) {
        while (startOneLoad() || startOne());
        assert.ok(underWay.length + loads.length > 0, "something waits, nothing is under way, and nothing starts");
        for (const load of loads.splice(0)) {
          endLoad(load, HELD_BYTES_MAX / 2);
        }
        for (const delivery of underWay.splice(0)) {
          finish(delivery, true);
        }
        check();
      }
    }),
    { numRuns: 300 },
  );
});

test("of very many endpoints, those with something in hand are kept, and of the others some thousands", () => {
  const lanes = new Lanes({ inFlightMax: 100, laneMax: 64, inHandMax: 1_000, heldBytesMax: 1_000 });
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

test("lanes that never run empty let go of what they have started", async () => {
  const lanes = new Lanes({ inFlightMax: 256, laneMax: 64, inHandMax: 1_200, heldBytesMax: 1_000 });
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
  // What a WeakRef was made of lives to the end of the turn.
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
