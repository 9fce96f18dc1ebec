/** The loop between parts that do what the test says, without Postgres. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Agenda, type Look } from "../../src/daemon/agenda.ts";
import { ClaimLock } from "../../src/daemon/claim/claimLock.ts";
import type { NewEvents, Page } from "../../src/daemon/claim/newEvents.ts";
import type { EndpointDirectory } from "../../src/daemon/deliver/endpoints.ts";
import type { InHand } from "../../src/daemon/deliver/inHand.ts";
import { Loop } from "../../src/daemon/loop.ts";
import { OpenClaims } from "../../src/daemon/record/openClaims.ts";
import type { Recorder } from "../../src/daemon/record/recorder.ts";
import { Pace } from "../../src/daemon/wake/pace.ts";
import type { WakeSession, WakeState } from "../../src/daemon/wake/session.ts";
import type { Database } from "../../src/db/database.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { KeptEvents } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const IN_HAND_MAX = 1_000;
/** Nothing is found by the poll within a test. */
const POLL_MS = 3_600_000;

const NOTHING: Page = {
  outcome: "empty",
  claimId: null,
  eventCount: 0,
  queuedCount: 0,
  deliveries: [],
  revisions: new Map(),
  unmatched: [],
  slowFilter: null,
};

/** Remembers what is written down, and in how many milliseconds it is due. */
class WatchedAgenda extends Agenda {
  readonly planned: { readonly look: Look; readonly inMs: number }[] = [];

  override by(look: Look, atMs: number): void {
    this.planned.push({ look, inMs: atMs - performance.now() });
    super.by(look, atMs);
  }
}

class Surroundings {
  readonly emitted = new KeptEvents();
  readonly agenda = new WatchedAgenda();
  readonly conditions = new Conditions(this.emitted);
  readonly recorder = { isWell: true, pendingCount: 0, isIdle: true, claims: new OpenClaims() };
  readonly inHand = {
    count: 0,
    isIdle: true,
    start: () => this.#start(),
    suspect: (endpointIds: readonly string[]) => this.admitted.push(["suspect", ...endpointIds]),
    admit: () => this.admitted.push(["admit"]),
    rooms: () => this.#rooms,
  };
  /** What was put in hand, in its order. */
  readonly admitted: string[][] = [];
  /** Endpoints that Postgres knows not to answer. */
  silent: readonly string[] = [];
  /** Turns that have begun. */
  turns = 0;
  /** The outcome of each review and claim; thrown if it is an error. */
  reviewed: Error | null = null;
  claimed: Page | Error = NOTHING;
  /** How the daemon stood when it claimed. */
  readonly claimedAs: WakeState[] = [];
  walks = 0;
  /** Parts of a walk before its last one. */
  walkParts = 0;
  /** Walks that have ended. */
  walked = 0;
  /** The room that makes a claim worthwhile. */
  roomMin = 1;
  /** The identities under which it walked and claimed. */
  readonly claimants: string[] = [];
  readonly lease = { daemonId: "one", isHeld: () => true };
  /** The lease is lost while a claim is taken over. */
  losesLease = false;
  takeOvers = 0;
  wakeState: WakeState = "blind";
  /** Ends the walks; null if they end by themselves. */
  walkEnds: Promise<void> | null = null;
  /** Statements on the gate. */
  gateStatements = 0;
  readonly #rooms = { known: new Map<string, number>(), unknown: 8 };
  readonly loop: Loop;

  constructor(t: TestContext, { pollIntervalMs = POLL_MS } = {}) {
    const { agenda, conditions, emitted: events } = this;
    const database = {
      run: async ({ name }: { name: string }, params: object) => {
        const answer = this.#answer(name, params);
        if (name === "claim_deliveries") {
          await this.walkEnds;
          this.walked += 1;
        }
        return answer;
      },
    } as unknown as Database;
    this.loop = new Loop({
      database,
      agenda,
      events,
      conditions,
      lease: this.lease,
      wake: this.#wake() as unknown as WakeSession,
      pace: new Pace(),
      newEvents: {
        claim: async (daemonId: string) => this.#claim(daemonId),
        isWorthwhile: (room: number, isIdle: boolean) => room >= this.roomMin || isIdle,
        worthwhileInMs: Number.POSITIVE_INFINITY,
        tryFilter: async () => {},
      } as unknown as NewEvents,
      claimLock: new ClaimLock({ database, events, conditions }),
      endpoints: { ensure: async () => this.silent } as unknown as EndpointDirectory,
      payloads: { measure: async () => {} },
      inHand: Object.assign(this.inHand, { review: async () => this.#review() }) as unknown as InHand,
      inHandMax: IN_HAND_MAX,
      recorder: this.recorder as unknown as Recorder,
      pollIntervalMs,
      onCopied: () => {},
    });
    t.after(() => this.loop.stop());
  }

  #answer(statement: string, params: object) {
    if (statement === "claim_deliveries" && "daemonId" in params) {
      this.walks += 1;
      this.claimants.push(String(params.daemonId));
      return { rows: this.#walk(), rowCount: 0 };
    }
    return { rows: statement === "take_over_claim" && this.losesLease ? this.#takeOver() : [], rowCount: 0 };
  }

  #walk() {
    this.walkParts -= 1;
    return [{ event_id: null, endpoint_id: this.walkParts < 0 ? null : "an endpoint", next_due_ms: null }];
  }

  /** A claim that is found again as long as it is not known; ten times at most, lest the test never end. */
  #takeOver() {
    this.lease.daemonId = "two";
    this.takeOvers += 1;
    return this.takeOvers > 10 ? [] : [{ claim_id: "1", former_daemon_id: "zero", event_id: null, endpoint_id: null }];
  }

  #claim(daemonId: string): Page {
    this.claimants.push(daemonId);
    this.claimedAs.push(this.wakeState);
    if (this.claimed instanceof Error) {
      throw this.claimed;
    }
    return this.claimed;
  }

  #start(): void {
    this.turns += 1;
  }

  #review(): void {
    if (this.reviewed !== null) {
      throw this.reviewed;
    }
  }

  #wake() {
    const around = this;
    return {
      get state() {
        return around.wakeState;
      },
      stayAwake: () => this.#wakeBecomes("awake"),
      stepAside: () => this.#wakeBecomes("napping"),
      fallAsleep: async () => {
        this.gateStatements += 1;
        this.wakeState = "sleeping";
        return this.wakeState;
      },
    };
  }

  #wakeBecomes(state: WakeState): void {
    this.gateStatements += this.wakeState === state ? 0 : 1;
    this.wakeState = this.wakeState === "blind" ? "blind" : state;
  }
}

test("a daemon with nothing in flight walks the queue as soon as records make room for it", async (t) => {
  const around = new Surroundings(t);
  around.recorder.pendingCount = IN_HAND_MAX;
  around.loop.start();
  await new Promise(setImmediate);
  assert.equal(around.claimedAs.length, 1, "it rests after its first turn");
  assert.equal(around.walks, 0);
  around.recorder.pendingCount = 0;
  around.agenda.recorded([]);
  await until("it walks", () => around.walks > 0);
});

test("endpoints that have not answered of late are suspected before anything for them is in hand", async (t) => {
  const around = new Surroundings(t);
  around.silent = ["a", "b"];
  around.loop.start();
  await until("a page is in hand", () => around.admitted.some(([what]) => what === "admit"));
  assert.deepEqual(around.admitted[0], ["suspect", "a", "b"]);
});

test("while a flush hangs that leaves no room, nothing is claimed; beside locked results alone, events are", async (t) => {
  const around = new Surroundings(t);
  Object.assign(around.recorder, { pendingCount: IN_HAND_MAX, isIdle: false });
  around.loop.start();
  const takeTurns = async () => {
    const { turns } = around;
    await until("turns", () => {
      around.agenda.by("events", performance.now());
      around.agenda.room();
      return around.turns >= turns + 3;
    });
  };
  await takeTurns();
  assert.equal(around.claimedAs.length, 0);
  around.recorder.isIdle = true;
  around.agenda.recorded([]);
  await until("it claims", () => around.claimedAs.length > 0);
  Object.assign(around.recorder, { pendingCount: IN_HAND_MAX - 1, isIdle: false });
  const claims = around.claimedAs.length;
  await until("it claims with little room", () => {
    around.agenda.by("events", performance.now());
    return around.claimedAs.length > claims;
  });
});

test("a failure lasts until a claim succeeds, not only until a turn that has room for none", async (t) => {
  const around = new Surroundings(t);
  around.claimed = new Error("out of order");
  around.loop.start();
  await until("a claim has failed", () => around.conditions.has("not_claiming"));
  Object.assign(around.inHand, { count: IN_HAND_MAX, isIdle: false });
  const { turns } = around;
  const claims = around.claimedAs.length;
  await until("it takes turns without room for a claim", () => {
    around.agenda.lookAgain();
    around.agenda.room();
    return around.turns >= turns + 3;
  });
  assert.equal(around.claimedAs.length, claims);
  assert.equal(around.conditions.has("not_claiming"), true);
  around.claimed = NOTHING;
  Object.assign(around.inHand, { count: 0, isIdle: true });
  around.agenda.room();
  await until("it claims again", () => !around.conditions.has("not_claiming"));
  assert.deepEqual(
    around.emitted.kept.map(({ name }) => name),
    ["claim.failed", "postgres.restored"],
  );
});

test("while claims fail, no other daemon can rely on it; it falls asleep once one has succeeded", async (t) => {
  const around = new Surroundings(t);
  around.wakeState = "awake";
  around.claimed = new Error("out of order");
  around.loop.start();
  await until("claims have failed", () => around.claimedAs.length >= 3);
  assert.deepEqual([...new Set(around.claimedAs.slice(1))], ["napping"]);
  around.claimed = NOTHING;
  await until("it sleeps", () => around.claimedAs.at(-1) === "sleeping");
  assert.deepEqual(around.claimedAs.slice(-2), ["napping", "sleeping"]);
});

test("a daemon that loses its lease while it takes over claims nothing more under the lost identity", async (t) => {
  const around = new Surroundings(t);
  around.losesLease = true;
  around.loop.start();
  await until("it has looked for events", () => around.claimedAs.length > 0);
  assert.equal(around.takeOvers, 1);
  assert.deepEqual([...new Set(around.claimants)], ["two"]);
});

test("an event that comes alone is claimed once: no walk, no statement on the gate, and no second look", async (t) => {
  const around = new Surroundings(t);
  around.wakeState = "awake";
  around.loop.start();
  await until("it sleeps", () => around.claimedAs.at(-1) === "sleeping");
  const { walks, gateStatements } = around;
  const claims = around.claimedAs.length;
  around.claimed = { ...NOTHING, outcome: "complete", eventCount: 1, claimId: "1" };
  const { planned } = around.agenda;
  const plannedBefore = planned.length;
  const since = () => planned.slice(plannedBefore + 1).filter(({ look }) => look !== "claims");
  around.agenda.by("events", performance.now());
  await until("it has planned its next look", () => since().length > 0);
  assert.deepEqual(
    since().map(({ look, inMs }) => [look, inMs > POLL_MS / 2]),
    [["events", true]],
  );
  assert.equal(around.claimedAs.length, claims + 1);
  assert.deepEqual([around.walks, around.gateStatements], [walks, gateStatements]);
});

test("a daemon without room for events opens the gate, so that inserts do not notify it in vain", async (t) => {
  const around = new Surroundings(t);
  around.wakeState = "awake";
  around.loop.start();
  await until("it sleeps", () => around.claimedAs.at(-1) === "sleeping");
  Object.assign(around.inHand, { count: IN_HAND_MAX, isIdle: false });
  around.agenda.by("events", performance.now());
  await until("it is awake", () => around.wakeState === "awake");
});

test("a claim does not wait for a walk", async (t) => {
  const around = new Surroundings(t);
  const walk = Promise.withResolvers<void>();
  around.walkEnds = walk.promise;
  around.loop.start();
  await until("it walks", () => around.walks === 1);
  for (let claims = 1; claims <= 3; claims += 1) {
    around.agenda.by("events", performance.now());
    await until("it claims", () => around.claimedAs.length >= claims);
  }
  assert.equal(around.walks, 1);
  walk.resolve();
});

test("a walk that took long and brought nothing leaves the queue alone for a while", async (t) => {
  const around = new Surroundings(t);
  const walk = Promise.withResolvers<void>();
  around.walkEnds = walk.promise;
  around.loop.start();
  await until("it walks", () => around.walks === 1);
  const begunMs = performance.now();
  await until("the walk takes its time", () => performance.now() - begunMs >= 20);
  const tookMs = performance.now() - begunMs;
  const { walked } = around;
  walk.resolve();
  await until("the walk is over", () => around.walked > walked);
  const restsFromMs = performance.now();
  await until("it walks again", () => {
    around.agenda.queued();
    return around.walks === 2;
  });
  // Timers of Node.js may end a moment early.
  assert.ok(performance.now() - restsFromMs >= Math.min(200, 3 * tookMs));
});

for (const [wakeState, intervals] of [
  ["sleeping", 3],
  ["blind", 1],
] as const) {
  test(`after a walk of three parts, a ${wakeState} daemon that found nothing walks again in ${intervals * 10} s`, async (t) => {
    const around = new Surroundings(t, { pollIntervalMs: 10_000 });
    around.wakeState = wakeState;
    around.walkParts = 2;
    around.loop.start();
    const polls = () => around.agenda.planned.filter(({ look }) => look === "queue");
    await until("it has planned the next walk", () => polls().length > 0);
    assert.equal(around.walks, 3);
    assert.deepEqual(
      polls().map(({ inMs }) => Math.ceil(inMs / 10_000)),
      [intervals],
    );
  });
}

test("a walk over a deep queue does not take all the room that new events wait for", async (t) => {
  const around = new Surroundings(t);
  around.roomMin = 150;
  Object.assign(around.inHand, { count: IN_HAND_MAX - 100, isIdle: false });
  around.loop.start();
  await until("it walks", () => around.walks > 0);
  const takeTurns = async (count: number) => {
    const { turns } = around;
    await until("turns", () => {
      around.agenda.queued();
      around.agenda.room();
      return around.turns >= turns + count;
    });
  };
  await takeTurns(3);
  const { walks } = around;
  assert.ok(walks <= 2, `${walks} walks went before the events`);
  await takeTurns(5);
  assert.deepEqual([around.walks, around.claimedAs.length], [walks, 0]);
  around.inHand.count = IN_HAND_MAX - around.roomMin;
  around.agenda.room();
  await until("it claims", () => around.claimedAs.length > 0);
  around.agenda.queued();
  await until("it walks", () => around.walks > walks);
});
