import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Agenda, REVIEW_INTERVAL_MS } from "../../../src/daemon/agenda.ts";
import { Budget } from "../../../src/daemon/deliver/budget.ts";
import type { Endpoint } from "../../../src/daemon/deliver/endpoint.ts";
import { InHand } from "../../../src/daemon/deliver/inHand.ts";
import { Lanes } from "../../../src/daemon/deliver/lanes.ts";
import type { Attempt } from "../../../src/domain/attempt.ts";
import type { Batch, Delivery, DeliveryResult } from "../../../src/domain/delivery.ts";
import { SENT_BYTES_MAX } from "../../../src/domain/event.ts";
import { parseSecret } from "../../../src/format/sign.ts";
import { standard } from "../../../src/format/standard.ts";
import { monotonicMs } from "../../../src/ground/clock.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { deliveryOf } from "../../support/delivery.ts";

const BYTES_MAX = 1_000;
const SLOTS = 12;
/** As in src/daemon/deliver/lanes.ts. */
const LANE_START = 8;

/** With a size, its payload must be loaded. */
function deliveryFor(endpointId: string, payloadBytes: number | null = null): Delivery {
  return deliveryOf({
    event: payloadBytes === null ? {} : { payload: null, payloadBytes },
    endpointId,
    daemonId: "first",
  });
}

const parsed = parseSecret(`whsec_${Buffer.alloc(32, 1).toString("base64")}`);
assert.ok(parsed.kind === "key");
const KEY = parsed.key;

function endpoint(id: string): Endpoint {
  return {
    id,
    revision: "1",
    url: `https://${id}.example/`,
    origin: `https://${id}.example`,
    format: standard,
    batchFormat: id === "unbatched" ? null : standard.batch,
    isOrdered: id === "ordered",
    timeoutMs: 15_000,
    lastingMs: 17_000,
    scheduleMs: [5_000],
    retryPolicy: null,
    fixed: { lines: "", fault: undefined },
    headers: {},
    isLimited: false,
    transforms: false,
    mayTransform: false,
    keys: [KEY],
    problem: null,
    askProblem: null,
    waits: false,
    mixedKeys: null,
    auth: null,
    clientCertificate: null,
    originLine: "",
    ratePerMinute: null,
    encryption: null,
    thinning: null,
    validUntilMs: Number.POSITIVE_INFINITY,
  };
}

const ANSWER: Attempt = {
  id: "00000000-0000-0000-0000-000000000001",
  startedAtMs: 0,
  durationMs: 1,
  requests: 1,
  httpStatus: 200,
  failureKind: null,
  error: null,
  responseHeaders: {},
  responseBody: "",
};

/** Its surroundings: receivers answer and payloads are loaded when the test says so. */
class Surroundings {
  readonly lease = { daemonId: "first", isHeld: () => true };
  readonly recorded: DeliveryResult[] = [];
  readonly requests: { readonly url: string; readonly answer: (attempt?: Attempt) => void }[] = [];
  readonly loads: {
    readonly eventIds: readonly string[];
    readonly finish: (except?: string) => void;
    readonly fail: () => void;
  }[] = [];
  readonly agenda = new Agenda();
  readonly emitted = new KeptEvents();
  /** The endpoints that take no more; null: Postgres does not answer. */
  inactive: readonly string[] | null = [];
  /** Events whose deliveries to "a" are cancelled. */
  cancelled: readonly string[] = [];
  readonly lanes = new Lanes({ inFlightMax: SLOTS, laneMax: 64, inHandMax: 1_000 });
  readonly budget = new Budget(BYTES_MAX, {
    standingOf: (endpointId) => this.lanes.standingOf(endpointId),
    bytesOf: ({ event }) => event.payloadBytes,
  });
  readonly inHand: InHand;

  constructor() {
    const { lanes, budget } = this;
    this.inHand = new InHand({
      lease: this.lease,
      endpoints: {
        get: endpoint,
        findInactive: (ids) => this.#findInactive(ids),
        findCancelled: async () =>
          this.cancelled.map((event_id) => ({ event_id, endpoint_id: "a", reason: "it is not wanted" })),
      },
      lanes,
      budget,
      payloads: { load: (eventIds) => this.#load(eventIds), loadTransformed: () => assert.fail() },
      send: ({ url }, done) => this.requests.push({ url, answer: (attempt = ANSWER) => done(attempt) }),
      events: this.emitted,
      traces: null,
      agenda: this.agenda,
      record: (result) => this.recorded.push(result),
    });
  }

  async #findInactive(ids: readonly string[]): Promise<string[]> {
    const { inactive } = this;
    assert.ok(inactive !== null, "Postgres does not answer");
    return ids.filter((id) => inactive.includes(id));
  }

  #load(eventIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return new Promise((resolve, reject) => {
      const finish = (except?: string) =>
        resolve(new Map(eventIds.filter((id) => id !== except).map((id) => [id, "{}"])));
      this.loads.push({ eventIds, finish, fail: () => reject(new Error("Postgres does not give it")) });
    });
  }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** So that the endpoint is in good standing. */
async function answersOnce(around: Surroundings, endpointId: string): Promise<void> {
  around.inHand.admit([deliveryFor(endpointId)]);
  around.requests.pop()?.answer();
  await settled();
}

/** Ends one of the loads, or one of the requests. */
function endOne({ loads, requests }: Surroundings, how: "answer" | "load" | "fail" | "miss", nth: number): void {
  if (how === "answer") {
    requests.splice(nth % Math.max(1, requests.length), 1)[0]?.answer();
    return;
  }
  const [load] = loads.splice(nth % Math.max(1, loads.length), 1);
  if (how === "fail") {
    load?.fail();
  } else {
    load?.finish(how === "miss" ? load.eventIds[0] : undefined);
  }
}

/** Answers what is in flight until nothing is. */
async function answerAll({ requests }: Surroundings): Promise<void> {
  while (requests.length > 0) {
    requests.pop()?.answer();
    await settled();
  }
}

async function reviewIsDue(agenda: Agenda): Promise<void> {
  const giveUpMs = performance.now() + 4 * REVIEW_INTERVAL_MS;
  while (!agenda.take("review")) {
    assert.ok(performance.now() < giveUpMs, "no review comes due");
    await agenda.rest(["review"], 50);
  }
}

describe("payloads that are loaded", () => {
  test("those that start together are loaded together", async () => {
    const around = new Surroundings();
    const large = [10, 20, 30].map((bytes) => deliveryFor("a", bytes));
    around.inHand.admit(large);
    assert.deepEqual(
      around.loads.map(({ eventIds }) => eventIds),
      [large.map(({ event }) => event.id)],
    );
    around.loads[0]?.finish();
    await settled();
    assert.equal(around.requests.length, 3);
  });

  test("one that comes while another is being loaded waits without a slot", async () => {
    const around = new Surroundings();
    around.inHand.admit([deliveryFor("a", 10)]);
    around.inHand.admit([deliveryFor("a", 10), deliveryFor("a")]);
    assert.deepEqual([around.loads.length, around.requests.length], [1, 1]);
    assert.deepEqual([around.lanes.inFlight, around.lanes.waiting], [2, 1]);
    around.loads[0]?.finish();
    await settled();
    assert.equal(around.loads.length, 2);
    around.loads[1]?.finish();
    await settled();
    assert.equal(around.requests.length, 3);
  });

  test("one that finds too little memory holds no slot, and its lane continues without it", async () => {
    const around = new Surroundings();
    around.inHand.admit([deliveryFor("a", 300), deliveryFor("a", 400), deliveryFor("a")]);
    assert.deepEqual([around.loads.length, around.requests.length], [1, 1]);
    around.loads[0]?.finish();
    await settled();
    assert.equal(around.requests.length, 2);
    assert.deepEqual([around.lanes.inFlight, around.lanes.waiting], [2, 1]);
    around.inHand.admit([deliveryFor("a")]);
    assert.equal(around.requests.length, 3);
    for (const { answer } of around.requests) {
      answer();
    }
    await settled();
    around.loads[1]?.finish();
    await settled();
    assert.equal(around.requests.length, 4, "it is loaded when the first has given its memory back");
  });

  test("one whose event is gone is discarded, and one that is too large to send is never loaded", async () => {
    const around = new Surroundings();
    const [gone, large] = [deliveryFor("a", 10), deliveryFor("a", SENT_BYTES_MAX + 1)];
    around.inHand.admit([gone, large]);
    around.loads[0]?.finish(gone.event.id);
    await settled();
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision.state === "discarded" && decision.reason),
      [
        `the payload has ${SENT_BYTES_MAX + 1} bytes, and ${SENT_BYTES_MAX} are sent at most`,
        "the event is no longer in the outbox",
      ],
    );
    assert.equal(around.requests.length, 0);
  });

  test("one that Postgres does not give returns to the queue, and is not due at once", async () => {
    const around = new Surroundings();
    around.inHand.admit([deliveryFor("a", 10)]);
    around.loads[0]?.fail();
    await settled();
    assert.deepEqual(
      around.recorded.map(({ attempt, decision }) => ({ attempt, decision })),
      [{ attempt: null, decision: { state: "pending", waitMs: 5_000 } }],
    );
    assert.equal(around.emitted.named("payload.failed").length, 1);
    assert.equal(around.inHand.count, 0);
  });

  test("what starts next is loaded with what has started, and is sent from memory", async () => {
    const around = new Surroundings();
    await answersOnce(around, "a");
    const large = Array.from({ length: 12 }, () => deliveryFor("a", 10));
    around.inHand.admit(large);
    assert.deepEqual(
      around.loads.map(({ eventIds }) => eventIds),
      [large.map(({ event }) => event.id)],
    );
    assert.deepEqual([around.lanes.inFlight, around.lanes.waiting], [8, 4]);
    around.loads.pop()?.finish();
    await settled();
    assert.equal(around.requests.length, 8);
    await answerAll(around);
    assert.deepEqual([around.loads.length, around.recorded.length, around.inHand.count], [0, 13, 0]);
    assert.ok(large.every(({ loadedPayload }) => loadedPayload === null));
  });

  test("what is evicted while it is loaded ahead is not sent, and what cannot be loaded leaves its lane", async () => {
    const around = new Surroundings();
    await answersOnce(around, "a");
    const large = Array.from({ length: 12 }, () => deliveryFor("a", 10));
    const [evicted, gone] = large.slice(-2);
    assert.ok(evicted !== undefined && gone !== undefined);
    around.inHand.admit(large);
    around.cancelled = [evicted.event.id];
    await reviewIsDue(around.agenda);
    await around.inHand.review();
    around.loads.pop()?.finish(gone.event.id);
    await settled();
    await answerAll(around);
    const states = new Map(around.recorded.map(({ delivery, decision }) => [delivery.event.id, decision.state]));
    assert.deepEqual([states.get(evicted.event.id), states.get(gone.event.id)], ["discarded", "discarded"]);
    assert.deepEqual([around.recorded.length, around.inHand.count, around.loads.length], [13, 0, 0]);
    assert.equal([...states.values()].filter((state) => state === "succeeded").length, 11);
  });

  test("what was loaded ahead under a lost lease is not sent", async () => {
    const around = new Surroundings();
    await answersOnce(around, "a");
    const large = Array.from({ length: 12 }, () => deliveryFor("a", 10));
    around.inHand.admit(large);
    around.lease.daemonId = "second";
    around.loads.pop()?.finish();
    await settled();
    assert.deepEqual([around.requests.length, around.inHand.count], [0, 0]);
    assert.ok(large.every(({ loadedPayload }) => loadedPayload === null));
  });

  test("however loads and the daemon's work end, no payload keeps its memory, and each delivery is recorded once", async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({
          kind: fc.constant("admit" as const),
          endpointId: fc.constantFrom("a", "b"),
          sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 200 })), {
            minLength: 1,
            maxLength: 20,
          }),
        }),
        fc.record({ kind: fc.constantFrom("answer", "load", "fail", "miss"), nth: fc.nat() }),
        fc.record({ kind: fc.constant("disable" as const), endpointId: fc.constantFrom("a", "b") }),
      ),
      { minLength: 1, maxLength: 25 },
    );
    const property = fc.asyncProperty(steps, fc.constantFrom("stopped", "lost"), async (planned, ending) => {
      const around = new Surroundings();
      await answersOnce(around, "a");
      const admitted: Delivery[] = [];
      for (const step of planned) {
        if (step.kind === "admit") {
          const deliveries = step.sizes.map((size) => deliveryFor(step.endpointId, size));
          admitted.push(...deliveries);
          around.inHand.admit(deliveries);
        } else if (step.kind === "disable") {
          around.inactive = [step.endpointId];
          around.agenda.by("review", 0);
          await around.inHand.review();
        } else {
          endOne(around, step.kind, step.nth);
          await settled();
        }
      }
      const stopped = ending === "stopped" ? around.inHand.stop(0) : null;
      around.lease.daemonId = ending === "lost" ? "second" : "first";
      around.inHand.start();
      await stopped;
      while (around.loads.length + around.requests.length > 0) {
        endOne(around, around.loads.length > 0 ? "load" : "answer", 0);
        await settled();
      }
      assert.ok(
        around.budget.reserveAhead(deliveryFor("probe", BYTES_MAX / 2)),
        "something holds memory, or waits for it",
      );
      assert.ok(admitted.every(({ loadedPayload }) => loadedPayload === null));
      const recorded = new Set(around.recorded.map(({ delivery }) => delivery));
      assert.equal(recorded.size, around.recorded.length, "recorded twice");
      if (ending === "stopped") {
        assert.equal(recorded.size, admitted.length + 1);
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test("whatever their sizes, each is sent once, and those in flight never hold more than there is", async () => {
    const deliveries = fc.array(
      fc.record({
        endpointId: fc.constantFrom("a", "b", "c", "d"),
        bytes: fc.option(fc.integer({ min: 1, max: BYTES_MAX / 2 })),
        isLeased: fc.boolean(),
      }),
      { minLength: 1, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(deliveries, fc.infiniteStream(fc.nat()), async (drawn, choices) => {
        const admitted = drawn.map(({ endpointId, bytes, isLeased }): Delivery => {
          const delivery = deliveryFor(endpointId, bytes);
          const tenure = {
            kind: "leased",
            untilMs: Number.POSITIVE_INFINITY,
            isCounted: false,
            content: null,
          } as const;
          return isLeased ? { ...delivery, tenure } : delivery;
        });
        const around = new Surroundings();
        around.inHand.admit(admitted);
        while (around.recorded.length < admitted.length) {
          const started = around.lanes.started();
          assert.ok(started.length <= SLOTS);
          const loaded = admitted.filter(({ loadedPayload }) => loadedPayload !== null);
          const bytes = [...started, ...loaded].reduce((sum, { event }) => sum + event.payloadBytes, 0);
          assert.ok(bytes <= BYTES_MAX, `${bytes} bytes in flight, or loaded ahead`);
          const steps = [...around.loads.keys(), ...around.requests.keys()];
          assert.ok(steps.length > 0, "something waits, and nothing is loaded or in flight");
          const nth = (choices.next().value ?? 0) % steps.length;
          if (nth < around.loads.length) {
            around.loads.splice(nth, 1)[0]?.finish();
          } else {
            around.requests.splice(nth - around.loads.length, 1)[0]?.answer();
          }
          await settled();
        }
        assert.deepEqual(
          new Set(around.recorded.map(({ delivery }) => delivery.event.id)),
          new Set(admitted.map(({ event }) => event.id)),
        );
        assert.equal(around.inHand.count, 0);
      }),
      { numRuns: 100 },
    );
  });
});

describe("reviewing what waits", () => {
  test("a review that failed is made again", async () => {
    const around = new Surroundings();
    around.inHand.admit(Array.from({ length: 20 }, () => deliveryFor("a")));
    await reviewIsDue(around.agenda);
    around.inactive = null;
    await assert.rejects(around.inHand.review());
    around.inactive = ["a"];
    await reviewIsDue(around.agenda);
    await around.inHand.review();
    assert.equal(around.lanes.waiting, 0);
  });

  test("of many endpoints, only those that have had something in hand for a while are looked at", async () => {
    const around = new Surroundings();
    const endpointIds = Array.from({ length: 200 }, (_, n) => `endpoint ${n}`);
    around.inHand.admit(endpointIds.map((endpointId) => deliveryFor(endpointId)));
    around.lanes.admit(deliveryFor("young"), monotonicMs() + 60_000);
    const waiting = around.lanes.waitingEndpoints();
    assert.ok(waiting.length > 100 && waiting.includes("young"));
    await reviewIsDue(around.agenda);
    around.inactive = waiting;
    await around.inHand.review();
    assert.deepEqual(around.lanes.waitingEndpoints(), ["young"]);
    assert.equal(around.recorded.length, waiting.length - 1);
    await reviewIsDue(around.agenda);
    await around.inHand.review();
    assert.deepEqual(around.lanes.waitingEndpoints(), []);
  });

  test("a delivery that waits only for memory is reviewed", async () => {
    const around = new Surroundings();
    around.inHand.admit([deliveryFor("a", 300)]);
    around.loads[0]?.finish();
    await settled();
    around.inHand.admit([deliveryFor("a", 400)]);
    assert.equal(around.lanes.waiting, 1);
    await reviewIsDue(around.agenda);
  });
});

describe("losing the lease", () => {
  test("what has not been started is dropped, and not recorded: it belongs to others", () => {
    const around = new Surroundings();
    around.inHand.admit(Array.from({ length: 20 }, () => deliveryFor("a")));
    const started = around.requests.length;
    around.lease.daemonId = "second";
    around.inHand.start();
    assert.deepEqual([around.inHand.count, around.requests.length, around.recorded.length], [started, started, 0]);
  });

  test("a payload that was loaded under a lost lease is not sent", async () => {
    const delivery = deliveryFor("a", 10);
    const around = new Surroundings();
    around.inHand.admit([delivery]);
    around.lease.daemonId = "second";
    around.loads[0]?.finish();
    await settled();
    assert.equal(around.requests.length, 0);
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision),
      [{ state: "pending", waitMs: 0 }],
    );
  });
});

test("what an endpoint that does not answer has no room for is due in a moment, and that of others at once", () => {
  const around = new Surroundings();
  const failed: Attempt = { ...ANSWER, httpStatus: null, failureKind: "timeout", error: "no answer" };
  around.inHand.admit(Array.from({ length: LANE_START }, () => deliveryFor("silent")));
  around.requests[0]?.answer(failed);
  around.recorded.length = 0;
  around.inHand.admit([deliveryFor("silent")]);
  const waits = () => around.recorded.map(({ decision }) => (decision.state === "pending" ? decision.waitMs : null));
  assert.deepEqual(waits(), [REVIEW_INTERVAL_MS]);
  around.inHand.admit([deliveryFor("well")]);
  around.requests.find(({ url }) => url.includes("well"))?.answer();
  around.recorded.length = 0;
  around.inHand.admit(Array.from({ length: 1_100 }, () => deliveryFor("well")));
  assert.deepEqual(new Set(waits()), new Set([0]));
});

describe("stopping", () => {
  test("what waits is handed back at once, and what is in flight at the end of the grace period", async () => {
    const around = new Surroundings();
    const deliveries = Array.from({ length: 20 }, () => deliveryFor("a"));
    around.inHand.admit(deliveries);
    const inFlight = around.requests.length;
    const stopped = around.inHand.stop(20);
    assert.equal(around.recorded.length, 20 - inFlight);
    await stopped;
    assert.equal(around.recorded.length, 20);
    for (const { answer } of around.requests) {
      answer();
    }
    await settled();
    assert.equal(around.recorded.length, 20, "results that come later are ignored");
    assert.ok(around.recorded.every(({ attempt }) => attempt === null));
  });

  test("it ends as soon as the last attempt has", async () => {
    const around = new Surroundings();
    around.inHand.admit([deliveryFor("a"), deliveryFor("b")]);
    const stopped = around.inHand.stop(3_600_000);
    for (const { answer } of around.requests) {
      answer();
    }
    await stopped;
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision.state),
      ["succeeded", "succeeded"],
    );
  });

  test("a payload that is loaded after the grace period does not count as a failure", async () => {
    const delivery = deliveryFor("a", 10);
    const around = new Surroundings();
    around.inHand.admit([delivery]);
    await around.inHand.stop(1);
    around.loads[0]?.finish();
    await settled();
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision),
      [{ state: "pending", waitMs: 0 }],
    );
    assert.deepEqual(around.emitted.kept, []);
  });
});

describe("a batch", () => {
  /** The delivery that stands for a batch of so many. */
  function batchFor(endpointId: string, count: number, room = count): Delivery {
    const members = Array.from({ length: count }, () => ({
      ...deliveryFor(endpointId),
      tenure: { kind: "leased" as const, untilMs: Number.POSITIVE_INFINITY, isCounted: false, content: null },
    }));
    const [first] = members;
    assert.ok(first !== undefined);
    const batch: Batch = { id: randomUUID(), members, room };
    for (const member of members) {
      member.batch = batch;
    }
    return first;
  }

  test("is one request, and one result for each of its deliveries, with the answer once", () => {
    const around = new Surroundings();
    const batch = batchFor("batched", 3);
    around.inHand.admit([batch]);
    assert.deepEqual([around.requests.length, around.inHand.count], [1, 3]);
    around.requests[0]?.answer({ ...ANSWER, responseBody: "thanks" });
    assert.equal(around.inHand.count, 0);
    assert.deepEqual(
      around.recorded.map(({ delivery }) => delivery),
      batch.batch?.members,
    );
    assert.equal(new Set(around.recorded.map(({ attempt }) => attempt?.id)).size, 3);
    assert.deepEqual(
      around.recorded.map(({ attempt }) => attempt?.responseBody),
      ["thanks", null, null],
    );
    assert.deepEqual(
      around.emitted.named("delivery.attempted").map(({ event_id }) => event_id),
      batch.batch?.members.map(({ event }) => event.id),
    );
  });

  test("takes up as much of an endpoint's room as it has deliveries in hand", () => {
    const around = new Surroundings();
    around.inHand.admit([batchFor("batched", 100, 5)]);
    assert.equal(around.inHand.rooms().known.get("batched"), 3);
    around.requests[0]?.answer();
    const { known, unknown } = around.inHand.rooms();
    assert.equal(known.get("batched") ?? unknown, 8);
  });

  test("returns to the queue whole if it is not sent, but for what was cancelled meanwhile", async () => {
    const around = new Surroundings();
    const batch = batchFor("a", 3);
    const cancelled = batch.batch?.members[1]?.event.id ?? "";
    around.lease.isHeld = () => false;
    around.inHand.admit([batch]);
    around.cancelled = [cancelled];
    await around.inHand.review();
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision.state),
      ["pending", "discarded", "pending"],
    );
    assert.equal(around.inHand.count, 0);
  });

  test("of an endpoint that gets none any more returns to the queue", () => {
    const around = new Surroundings();
    around.inHand.admit([batchFor("unbatched", 2)]);
    assert.equal(around.requests.length, 0);
    assert.deepEqual(
      around.recorded.map(({ attempt, decision }) => [attempt, decision.state]),
      [
        [null, "pending"],
        [null, "pending"],
      ],
    );
  });

  test("whose event is gone is given up: what is left makes another one", () => {
    const around = new Surroundings();
    const batch = batchFor("batched", 3);
    const [first] = batch.batch?.members ?? [];
    assert.ok(first !== undefined);
    Object.assign(first, { event: { ...first.event, eventType: "", payload: null } });
    around.inHand.admit([first]);
    assert.deepEqual(
      around.recorded.map(({ decision }) => decision.state),
      ["discarded", "pending", "pending"],
    );
  });

  test("that loses an event while it waits for memory keeps no other from memory", async () => {
    const around = new Surroundings();
    const [one, other, third] = [batchFor("a", 2), batchFor("a", 2), batchFor("a", 2)];
    for (const { event } of [one, other, third]) {
      event.payloadBytes = BYTES_MAX / 2;
    }
    around.inHand.admit([one, other]);
    around.cancelled = [other.event.id];
    await around.inHand.review();
    around.requests.pop()?.answer();
    around.inHand.admit([third]);
    assert.deepEqual([around.requests.length, around.lanes.inFlight, around.lanes.waiting], [1, 1, 0]);
  });

  test("waits for memory like a large payload, and holds no slot meanwhile", () => {
    const around = new Surroundings();
    const [one, other] = [batchFor("batched", 2), batchFor("batched", 2)];
    one.event.payloadBytes = BYTES_MAX / 2;
    other.event.payloadBytes = BYTES_MAX / 2;
    around.inHand.admit([one, other]);
    assert.deepEqual([around.requests.length, around.lanes.inFlight, around.lanes.waiting], [1, 1, 1]);
    around.requests[0]?.answer();
    assert.equal(around.requests.length, 2);
    around.requests[1]?.answer();
    assert.deepEqual([around.recorded.length, around.inHand.count], [4, 0]);
  });
});

describe("a run", () => {
  /** So many deliveries of one key, which are sent one after the other. */
  function runFor(endpointId: string, count: number): Delivery[] {
    const members = Array.from({ length: count }, () => ({
      ...deliveryFor(endpointId),
      tenure: { kind: "leased" as const, untilMs: Number.POSITIVE_INFINITY, isCounted: false, content: null },
    }));
    for (const [at, member] of members.entries()) {
      member.next = members[at + 1] ?? null;
    }
    return members;
  }

  function admitted(count: number): { around: Surroundings; run: Delivery[] } {
    const around = new Surroundings();
    const run = runFor("a", count);
    around.inHand.admit(run.slice(0, 1));
    return { around, run };
  }

  function outcomes({ recorded }: Surroundings, run: readonly Delivery[]): string[] {
    return recorded.map(
      ({ delivery, attempt, decision }) =>
        `${run.indexOf(delivery)} ${attempt === null ? "unsent" : "sent"} ${decision.state}`,
    );
  }

  test("is sent one by one, each after the success of the one before it", async () => {
    const { around, run } = admitted(3);
    for (let sent = 1; sent <= run.length; sent++) {
      assert.deepEqual([around.requests.length, around.inHand.count], [sent, run.length - sent + 1]);
      around.requests[sent - 1]?.answer();
      await settled();
    }
    assert.deepEqual(outcomes(around, run), ["0 sent succeeded", "1 sent succeeded", "2 sent succeeded"]);
    assert.deepEqual(
      around.recorded.map(({ delivery }) => delivery.next),
      [run[1], run[2], null],
    );
    assert.equal(around.inHand.count, 0);
  });

  test("leaves other keys the room that it does not start with, up to its lane's part of the memory", () => {
    const { around } = admitted(64);
    assert.equal(around.inHand.rooms().known.get("a"), LANE_START - 1);
    around.inHand.admit(runFor("a", 1_000).slice(0, 1));
    assert.equal(around.inHand.rooms().known.get("a"), 0);
  });

  test("does so while its request hangs, but no more than one run", () => {
    const { around, run } = admitted(64);
    assert.ok(run[0] !== undefined);
    run[0].begunMs -= 2_000;
    assert.equal(around.inHand.rooms().known.get("a"), LANE_START - 1);
    around.inHand.admit(runFor("a", 64).slice(0, 1));
    assert.equal(around.inHand.rooms().known.get("a"), 0);
  });

  test("returns to the queue behind one that has failed, and at once", async () => {
    const { around, run } = admitted(4);
    around.requests[0]?.answer();
    await settled();
    around.requests[1]?.answer({ ...ANSWER, httpStatus: 500, failureKind: "status", error: "it failed" });
    await settled();
    assert.equal(around.requests.length, 2);
    assert.deepEqual(outcomes(around, run), [
      "0 sent succeeded",
      "1 sent pending",
      "2 unsent pending",
      "3 unsent pending",
    ]);
    assert.equal(run[1]?.next, null);
    assert.equal(around.inHand.count, 0);
  });

  test("loses one that is cancelled, and what is behind it, whether it has begun or not", async () => {
    for (const begins of [true, false]) {
      const around = new Surroundings();
      const run = runFor("a", 3);
      around.lease.isHeld = () => begins;
      around.inHand.admit(run.slice(0, 1));
      around.cancelled = [run[1]?.event.id ?? ""];
      await around.inHand.review();
      around.requests[0]?.answer();
      await settled();
      assert.deepEqual(
        new Set(outcomes(around, run)),
        new Set([begins ? "0 sent succeeded" : "0 unsent pending", "1 unsent discarded", "2 unsent pending"]),
      );
      assert.equal(around.recorded.length, 3);
      assert.equal(around.inHand.count, 0);
    }
  });

  test("is reviewed while one of it is in flight, and returns to the queue if its endpoint is paused", async () => {
    const { around, run } = admitted(3);
    await reviewIsDue(around.agenda);
    around.inactive = ["a"];
    await around.inHand.review();
    assert.deepEqual(outcomes(around, run), ["1 unsent pending", "2 unsent pending"]);
    around.requests[0]?.answer();
    await settled();
    assert.deepEqual([around.requests.length, around.inHand.count], [1, 0]);
  });

  test("returns to the queue when the daemon stops, or the lease of the next one does not last", async () => {
    const stopping = admitted(3);
    const stopped = stopping.around.inHand.stop(10_000);
    stopping.around.requests[0]?.answer();
    await stopped;
    assert.deepEqual(outcomes(stopping.around, stopping.run), [
      "0 sent succeeded",
      "1 unsent pending",
      "2 unsent pending",
    ]);
    const around = new Surroundings();
    const [first, ...others] = runFor("a", 3);
    assert.ok(first !== undefined);
    const short = others.map((other) => ({
      ...other,
      tenure: { kind: "leased" as const, untilMs: 0, isCounted: false, content: null },
    }));
    first.next = short[0] ?? null;
    around.inHand.admit([first]);
    around.requests[0]?.answer();
    await settled();
    assert.equal(around.requests.length, 1);
    assert.equal(around.recorded.length, 3);
    assert.equal(around.inHand.count, 0);
  });
});

test("what an ordered endpoint would get from memory goes to the queue, which keeps its order", () => {
  const around = new Surroundings();
  around.inHand.admit([deliveryFor("ordered")]);
  assert.deepEqual([around.requests.length, around.recorded[0]?.decision], [0, { state: "pending", waitMs: 0 }]);
});
