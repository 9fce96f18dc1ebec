import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Heartbeat, LEASE_MS } from "../../../src/daemon/upkeep/heartbeat.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { KeptEvents } from "../../support/daemon.ts";

const BEAT_INTERVAL_MS = 4_000;
const BEAT_GAP_MS = 1_000;
/** Of the lease, before which no attempt starts. */
const MARGIN_MS = 2_000;

/** A heartbeat whose database answers on request, on a clock that only the test moves. */
class Beating {
  readonly sentAtMs: number[] = [];
  readonly emitted = new KeptEvents();
  readonly conditions = new Conditions(this.emitted);
  readonly heartbeat: Heartbeat;
  answer: () => Promise<{ readonly is_held: boolean }> = async () => ({ is_held: true });
  #nowMs = 1_000_000;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(performance, "now", () => this.#nowMs);
    const config = connectionConfig({ databaseUrl: "postgres://nowhere", applicationName: "heartbeat" });
    const database = new Database({ config, purpose: "pipeline", max: 1 });
    t.mock.method(database, "run", async () => {
      this.sentAtMs.push(this.#nowMs - 1_000_000);
      return { rows: [await this.answer()], rowCount: 1 };
    });
    this.heartbeat = new Heartbeat({
      database,
      conditions: this.conditions,
      load: () => ({ inFlight: 0, waiting: 0 }),
      encryptionKeyIds: [],
      publicUrl: null,
      onCopied: () => {},
    });
  }

  /** The identities that were given up. */
  get lost(): readonly string[] {
    return this.emitted.named("daemon.lease_lost").map(({ lost_daemon_id }) => lost_daemon_id);
  }

  /** Lets time pass, and what falls due in it happen. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.#nowMs += 100;
      this.#t.mock.timers.tick(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("it beats in its interval", async (t) => {
  const beating = new Beating(t);
  await beating.heartbeat.start();
  await beating.pass(2 * BEAT_INTERVAL_MS);
  assert.deepEqual(beating.sentAtMs, [0, BEAT_INTERVAL_MS, 2 * BEAT_INTERVAL_MS]);
  assert.ok(beating.heartbeat.isHeld());
  await beating.heartbeat.stop();
});

test("a change of condition is shown out of turn, but no beat follows another too closely", async (t) => {
  const beating = new Beating(t);
  await beating.heartbeat.start();
  beating.conditions.begin("blind", "gate.lost", { error: "lost" });
  await beating.pass(500);
  beating.conditions.end("blind", {});
  await beating.pass(BEAT_GAP_MS);
  assert.deepEqual(beating.sentAtMs, [0, BEAT_GAP_MS]);
  await beating.heartbeat.stop();
});

test("a lease that runs out while a beat hangs is given up at that moment", async (t) => {
  const beating = new Beating(t);
  await beating.heartbeat.start();
  const { daemonId } = beating.heartbeat;
  const hanging = Promise.withResolvers<{ readonly is_held: boolean }>();
  beating.answer = () => hanging.promise;
  await beating.pass(LEASE_MS - MARGIN_MS - 100);
  assert.deepEqual(beating.lost, []);
  assert.ok(beating.heartbeat.isHeld());
  await beating.pass(200);
  assert.deepEqual(beating.lost, [daemonId]);
  assert.notEqual(beating.heartbeat.daemonId, daemonId);

  // The answer comes too late to hold the new identity, which the next beat begins.
  hanging.resolve({ is_held: true });
  await beating.pass(0);
  assert.equal(beating.heartbeat.isHeld(), false);
  beating.answer = async () => ({ is_held: true });
  await beating.pass(BEAT_INTERVAL_MS);
  assert.ok(beating.heartbeat.isHeld());
  assert.deepEqual(beating.lost, [daemonId]);
  await beating.heartbeat.stop();
});

test("a lease that had run out by the clock of Postgres is given up, and a new one taken soon", async (t) => {
  const beating = new Beating(t);
  await beating.heartbeat.start();
  const { daemonId } = beating.heartbeat;
  beating.answer = async () => ({ is_held: false });
  await beating.pass(BEAT_INTERVAL_MS);
  assert.deepEqual(beating.lost, [daemonId]);
  beating.answer = async () => ({ is_held: true });
  await beating.pass(BEAT_GAP_MS);
  assert.ok(beating.heartbeat.isHeld());
  assert.deepEqual(beating.sentAtMs, [0, BEAT_INTERVAL_MS, BEAT_INTERVAL_MS + BEAT_GAP_MS]);
  await beating.heartbeat.stop();
});

test("no beat follows a stop, and a lost lease is reported no more", async (t) => {
  const beating = new Beating(t);
  await beating.heartbeat.start();
  await beating.heartbeat.stop();
  await beating.pass(LEASE_MS);
  // The second one is the leave.
  assert.equal(beating.sentAtMs.length, 2);
  assert.deepEqual(beating.lost, []);
});
