/**
 * No wake-up is lost with every poll switched off and random writers and daemons. If the protocol is broken on purpose, a
 * wake-up is lost soon, so the search does find losses.
 *
 * A trial has rounds: a few concurrent writers, each with one transaction, and then quiet. During the quiet only the
 * protocol can bring the last events to a daemon, so an event that is still unclaimed is lost.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { Agenda } from "../../../src/daemon/agenda.ts";
import { ClaimLock } from "../../../src/daemon/claim/claimLock.ts";
import { Filters } from "../../../src/daemon/claim/filters.ts";
import { NewEvents, type Page } from "../../../src/daemon/claim/newEvents.ts";
import { BUDGET_BYTES, Budget } from "../../../src/daemon/deliver/budget.ts";
import { EndpointDirectory } from "../../../src/daemon/deliver/endpoints.ts";
import { InHand } from "../../../src/daemon/deliver/inHand.ts";
import { Lanes } from "../../../src/daemon/deliver/lanes.ts";
import { payloadsFrom } from "../../../src/daemon/deliver/payloads.ts";
import { Loop } from "../../../src/daemon/loop.ts";
import { Recorder } from "../../../src/daemon/record/recorder.ts";
import { Heartbeat } from "../../../src/daemon/upkeep/heartbeat.ts";
import { type Found, type Next, Pace } from "../../../src/daemon/wake/pace.ts";
import { type WakeOptions, WakeSession, type WakeState } from "../../../src/daemon/wake/session.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { makeFormats } from "../../../src/format/body.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { Random } from "../../chaos/random.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { createDatabase, type TestDatabase } from "../../support/database.ts";
import { askFor, insertEvents } from "../../support/engine.ts";
import { until } from "../../support/until.ts";

/** Repeats the same random choices; the timing still depends on the machine. */
const SEED = process.env.POSTRIDER_WAKE_SEED ?? randomBytes(4).toString("hex");
const NO_POLL_MS = 3_600_000;
const DAEMONS = 2;
const WRITERS = 4;
const SOUND_TRIAL_MS = 6_000;
/** Most losses show within a second; the limit allows for a machine that is busy with other tests. */
const BROKEN_TRIAL_MS = 60_000;
/** A gate that was killed is rebuilt within a second. */
const SOUND_PATIENCE_MS = 20_000;
const BROKEN_PATIENCE_MS = 1_500;
const KILL_PROBABILITY = 0.02;

/** The protocol allows a delay between any two steps. Delays here widen the windows to hit. */
class SlowWakeSession extends WakeSession {
  /** A breakage: the daemon does not look after it has fallen asleep, and rests. */
  skipsLook = false;
  #isResting = false;
  readonly #random: Random;
  readonly #breakage: Breakage;

  constructor(options: WakeOptions, random: Random, breakage: Breakage) {
    super(options);
    this.#random = random;
    this.#breakage = breakage;
  }

  override get state(): WakeState {
    return this.#isResting ? "napping" : super.state;
  }

  override async fallAsleep(): ReturnType<WakeSession["fallAsleep"]> {
    await pause(this.#random.between(0, 8));
    const outcome = await super.fallAsleep();
    await pause(this.#random.between(0, 8));
    this.skipsLook = outcome === this.#breakage.restsAfter;
    this.#isResting = this.skipsLook && outcome === "drowsy";
    return outcome;
  }
}

/** Leaves out the looks that a breakage leaves out. */
class BlinkingNewEvents extends NewEvents {
  readonly #wake: SlowWakeSession;

  constructor(parts: ConstructorParameters<typeof NewEvents>[0], wake: SlowWakeSession) {
    super(parts);
    this.#wake = wake;
  }

  override async claim(daemonId: string, room: number): Promise<Page> {
    if (this.#wake.skipsLook) {
      this.#wake.skipsLook = false;
      return NOTHING;
    }
    return await super.claim(daemonId, room);
  }
}

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

/** The protocol is exact at any pace. This one wakes up and falls asleep all the time. */
class RestlessPace extends Pace {
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  override asksForSleep(state: WakeState): boolean {
    return super.asksForSleep(state) || (state === "awake" && this.#random.chance(0.5));
  }

  override next(found: Found, state: WakeState, isOvertaken: boolean): Next {
    const next = super.next(found, state, isOvertaken);
    const isWoken = found === "complete" && !next.stayAwake && this.#random.chance(0.8);
    return isWoken ? { stayAwake: true, inMs: this.#random.between(0, 2) } : next;
  }
}

interface Breakage {
  /** The outcome of falling asleep after which the daemon rests without another look. */
  readonly restsAfter?: "sleeping" | "drowsy";
  /** Run in the database of the trial. */
  readonly sql?: string;
}

interface RunningLoop {
  /** Events claimed so far. */
  claimed(): number;
  stop(): Promise<void>;
}

/** A daemon without the sending, because no endpoint subscribes to the events of these trials. */
async function startLoop(url: string, random: Random, { breakage, pace }: TrialOptions): Promise<RunningLoop> {
  const emitted = new KeptEvents();
  const config = connectionConfig({ databaseUrl: url, applicationName: "loop" });
  const pool = new Database({ config, purpose: "pipeline", max: 3 });
  const agenda = new Agenda();
  const lanes = new Lanes({ inFlightMax: 1, laneMax: 1, inHandMax: 1_000 });
  const conditions = new Conditions(emitted);
  const lease = new Heartbeat({
    database: pool,
    load: () => ({ inFlight: 0, waiting: 0 }),
    encryptionKeyIds: [],
    publicUrl: null,
    conditions,
    onCopied: () => {},
  });
  const claiming = { database: pool, events: emitted, conditions };
  const recorder = new Recorder({ ...claiming, onRecorded: () => {} });
  const endpoints = new EndpointDirectory(pool, makeFormats("postrider"));
  const payloads = payloadsFrom(pool);
  const inHand = new InHand({
    lease,
    endpoints,
    lanes,
    budget: new Budget(BUDGET_BYTES, {
      standingOf: (endpointId) => lanes.standingOf(endpointId),
      bytesOf: ({ event }) => event.payloadBytes,
    }),
    payloads,
    send: () => {
      throw new Error("no endpoint wants the events");
    },
    events: emitted,
    traces: null,
    agenda,
    record: (result) => recorder.add(result),
  });
  const wake = new SlowWakeSession(
    {
      config,
      events: emitted,
      conditions,
      onWake: (look, withinMs) => {
        if (look === "everything") {
          agenda.lookAgain();
        } else if (withinMs === 0) {
          // A later look is the poll of one that naps.
          agenda.by("events", performance.now());
        }
      },
    },
    random,
    breakage,
  );
  const loop = new Loop({
    ...claiming,
    agenda,
    lease,
    wake,
    pace: pace === "restless" ? new RestlessPace(random) : new Pace(),
    newEvents: new BlinkingNewEvents({ database: pool, claimDatabase: pool, filters: new Filters(claiming) }, wake),
    claimLock: new ClaimLock(claiming),
    endpoints,
    payloads,
    inHand,
    inHandMax: 1_000,
    recorder,
    pollIntervalMs: NO_POLL_MS,
    onCopied: () => {},
  });
  await lease.start();
  await wake.start();
  loop.start();
  return {
    claimed: () => emitted.named("claim.taken").reduce((sum, { events }) => sum + Number(events), 0),
    stop: async () => {
      await loop.stop();
      await wake.stop();
      await lease.stop();
      await pool.end();
    },
  };
}

interface WriterTurn {
  readonly session: pg.Client;
  readonly random: Random;
  /** To cancel the session's statement from outside. */
  readonly others: pg.Pool;
}

const INSERT = "insert into postrider.outbox (event_type, payload) values ('order.paid', '{}')";

function hold({ session, random }: WriterTurn): Promise<unknown> {
  return session.query("select pg_sleep($1)", [random.chance(0.3) ? 0 : random.between(0, 0.03)]);
}

/** How many events each commits. */
const TRANSACTIONS: Readonly<Record<string, (turn: WriterTurn) => Promise<number>>> = {
  alone: async ({ session }) => {
    await session.query(INSERT);
    return 1;
  },
  "left open": async (turn) => {
    const { session, random } = turn;
    await session.query("begin");
    const count = random.integer(1, 3);
    await insertEvents(session, "order.paid", count);
    await hold(turn);
    await session.query("commit");
    return count;
  },
  "rolled back": async (turn) => {
    await turn.session.query("begin");
    await turn.session.query(INSERT);
    await hold(turn);
    await turn.session.query("rollback");
    return 0;
  },
  "in savepoints": async (turn) => {
    const { session, random } = turn;
    await session.query("begin");
    let count = 0;
    for (let part = random.integer(1, 3); part > 0; part--) {
      await session.query("savepoint part");
      await session.query(INSERT);
      await hold(turn);
      const isKept = random.chance(0.5);
      await session.query(isKept ? "release part" : "rollback to part");
      count += isKept ? 1 : 0;
    }
    await session.query("commit");
    return count;
  },
  copied: async (turn) => {
    await turn.session.query("begin");
    await turn.session.query(
      String.raw`copy postrider.outbox (event_type, payload) from program 'printf "order.paid\\t{}\\norder.paid\\t{}\\n"'`,
    );
    await hold(turn);
    await turn.session.query("commit");
    return 2;
  },
  "timed out": async (turn) => {
    const { session, random } = turn;
    await session.query("begin; savepoint part");
    await session.query(`set local statement_timeout = ${random.integer(1, 5)}`);
    let count = await session.query(`${INSERT}; select pg_sleep(0.003)`).then(() => 1, cancelled);
    // On a busy machine the timeout hits these as well.
    if (count === 1) {
      count = await session.query("reset statement_timeout").then(() => 1, cancelled);
    }
    for (let isBack = count; isBack === 0; ) {
      isBack = await session.query("rollback to part").then(() => 1, cancelled);
    }
    await hold(turn);
    const isMore = random.chance(0.5);
    if (isMore) {
      await session.query(INSERT);
    }
    await session.query("commit");
    return count + (isMore ? 1 : 0);
  },
  cancelled: async ({ session, random, others }) => {
    const pid = await askFor(session, "select pg_backend_pid()");
    const [count] = await Promise.all([
      session.query(`${INSERT}; select pg_sleep(0.01)`).then(() => 1, cancelled),
      pause(random.between(0, 12)).then(() => others.query("select pg_cancel_backend($1)", [pid])),
    ]);
    // A late cancel hits this one.
    await session.query("select").catch(cancelled);
    return count;
  },
  prepared: async (turn) => {
    const { session, random } = turn;
    const name = `wake_${random.integer(0, 1_000_000_000)}`;
    await session.query("begin");
    await session.query(INSERT);
    const isPrepared = await session.query(`prepare transaction '${name}'`).then(() => true, notified);
    if (!isPrepared) {
      return 0;
    }
    await hold(turn);
    const isCommitted = random.chance(0.7);
    await session.query(`${isCommitted ? "commit" : "rollback"} prepared '${name}'`);
    return isCommitted ? 1 : 0;
  },
};

function cancelled(thrown: unknown): 0 {
  assert.ok(thrown instanceof pg.DatabaseError && thrown.code === "57014", String(thrown));
  return 0;
}

/** A transaction that has notified cannot be prepared; Postgres rolls it back. */
function notified(thrown: unknown): false {
  assert.ok(thrown instanceof pg.DatabaseError && thrown.code === "0A000", String(thrown));
  return false;
}

interface Outcome {
  readonly rounds: number;
  readonly events: number;
  /** Null if none was lost; otherwise the round in which it happened. */
  readonly lost: string | null;
}

interface TrialOptions {
  readonly breakage: Breakage;
  readonly lengthMs: number;
  readonly patienceMs: number;
  /** Whether gates and listeners are killed now and then. */
  readonly kills: boolean;
  readonly pace: "restless" | "real";
}

async function runTrial(name: string, options: TrialOptions): Promise<Outcome> {
  const random = new Random(`${SEED}/${name}`);
  const database = await createDatabase();
  const sessions: pg.Client[] = [];
  const loops: RunningLoop[] = [];
  try {
    if (options.breakage.sql !== undefined) {
      await database.pool.query(options.breakage.sql);
    }
    for (let count = 0; count < WRITERS; count++) {
      const session = new pg.Client({ connectionString: database.url });
      await session.connect();
      sessions.push(session);
    }
    for (let count = 0; count < DAEMONS; count++) {
      loops.push(await startLoop(database.url, random.fork(`daemon ${count}`), options));
    }
    const outcome = await runRounds({ random, database, sessions, loops, options });
    await Promise.all(loops.splice(0).map((loop) => loop.stop()));
    // A session that was just killed keeps its locks for another moment.
    await until("no lock is left", async () => (await askFor(database.pool, ADVISORY_LOCKS)) === "0");
    return outcome;
  } finally {
    await Promise.all(loops.map((loop) => loop.stop()));
    await Promise.all(sessions.map((session) => session.end()));
    await database.drop();
  }
}

const ADVISORY_LOCKS = `select count(*) from pg_locks where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())`;

interface Trial {
  readonly random: Random;
  readonly database: TestDatabase;
  readonly sessions: readonly pg.Client[];
  readonly loops: readonly RunningLoop[];
  readonly options: TrialOptions;
}

async function runRounds({ random, database, sessions, loops, options }: Trial): Promise<Outcome> {
  const endMs = performance.now() + options.lengthMs;
  const claimed = () => loops.reduce((sum, loop) => sum + loop.claimed(), 0);
  let committed = 0;
  for (let rounds = 1; ; rounds++) {
    const kinds = sessions.slice(0, random.integer(2, WRITERS)).map(() => random.pick(Object.keys(TRANSACTIONS)));
    const writing = kinds.map(async (kind, index) => {
      const turn = { session: at(sessions, index), random: random.fork(`${rounds}/${index}`), others: database.pool };
      await pause(turn.random.between(0, 20));
      const count = (await TRANSACTIONS[kind]?.(turn)) ?? 0;
      committed += count;
    });
    if (options.kills && random.chance(KILL_PROBABILITY)) {
      writing.push(killOne(database, random));
    }
    await Promise.all(writing);
    const arrived = await until("all are claimed", () => claimed() >= committed, options.patienceMs).then(
      () => true,
      () => false,
    );
    if (!arrived) {
      const lost = committed - claimed();
      // Lost, and not merely late or stuck, because a daemon that is told to look finds them.
      await database.pool.query("notify postrider");
      await until("they are found once a daemon is told to look", () => claimed() >= committed);
      return { rounds, events: committed, lost: `${lost} of ${kinds.join(", ")} in round ${rounds}` };
    }
    assert.equal(claimed(), committed);
    if (performance.now() > endMs) {
      return { rounds, events: committed, lost: null };
    }
    await pause(random.between(0, 30));
  }
}

async function killOne(database: TestDatabase, random: Random): Promise<void> {
  await pause(random.between(0, 30));
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = $1 limit 1`,
    [random.pick(["loop/wake", "loop/listen"])],
  );
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  assert.ok(item !== undefined);
  return item;
}

function report(t: TestContext, { rounds, events, lost }: Outcome): void {
  t.diagnostic(`POSTRIDER_WAKE_SEED=${SEED}: ${rounds} rounds, ${events} events, lost: ${lost ?? "none"}`);
}

describe("as it is", () => {
  for (const { how, kills, pace } of [
    { how: "at a restless pace", kills: false, pace: "restless" },
    { how: "at a restless pace, while gates and listeners are killed", kills: true, pace: "restless" },
    { how: "at the pace of a daemon", kills: false, pace: "real" },
  ] as const) {
    test(`no wake-up is lost ${how}`, async (t) => {
      const outcome = await runTrial(`sound, ${how}`, {
        breakage: {},
        lengthMs: SOUND_TRIAL_MS,
        patienceMs: SOUND_PATIENCE_MS,
        kills,
        pace,
      });
      report(t, outcome);
      assert.equal(outcome.lost, null);
      assert.ok(outcome.events > 0);
    });
  }
});

const BREAKAGES: Readonly<Record<string, Breakage>> = {
  "inserts look and do not keep the lock to their end": {
    // The block's end rolls the lock back. A session-level lock would stay for ever if a cancel came before its release.
    sql: `create or replace function postrider_internal.outbox_inserting() returns trigger language plpgsql as $$
      begin
        perform postrider_internal.wake_daemons();
        return new;
      end $$;
      create or replace function postrider_internal.wake_daemons() returns void language plpgsql as $$
      begin
        if pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2) then
          raise sqlstate 'PR999';
        else
          perform pg_catalog.pg_notify('postrider', '');
        end if;
      exception
        when sqlstate 'PR999' then
          null;
      end $$`,
  },
  "the daemon does not look after it was granted the gate": { restsAfter: "sleeping" },
  "the daemon rests although it was refused the gate": { restsAfter: "drowsy" },
};

describe("broken on purpose", () => {
  for (const [name, breakage] of Object.entries(BREAKAGES)) {
    test(`a wake-up is lost soon if ${name}`, async (t) => {
      const outcome = await runTrial(name, {
        breakage,
        lengthMs: BROKEN_TRIAL_MS,
        patienceMs: BROKEN_PATIENCE_MS,
        kills: false,
        pace: "restless",
      });
      report(t, outcome);
      assert.notEqual(outcome.lost, null);
    });
  }
});
