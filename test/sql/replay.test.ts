import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { beforeEach, describe, test } from "node:test";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  type ClaimedPair,
  claimAll,
  claimEvents,
  createEndpoint,
  deliveries,
  eventsOf,
  IN_A_WEEK,
  insertEvent,
  insertEvents,
  inTransaction,
  openSession,
  pidOf,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type Session,
  subscribe,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const database = useDatabase({ server: "alone" });

beforeEach(() => reset(database.pool));

const NO_SUCH = "00000000-0000-7000-8000-000000000000";
const STEPS_MAX = 1_000;

/** Every state that a replay can send. Most tests ask for these, because the default leaves out what has arrived. */
const EVERYTHING = ["exhausted", "discarded", "unmatched", "cancelled", "succeeded"];

interface ReplayOptions {
  readonly since?: string;
  readonly until?: string;
  readonly eventType?: string | null;
  readonly states?: readonly (string | null)[] | null;
  readonly dryRun?: boolean;
}

interface Replay {
  readonly replay_id: string;
  readonly events: string;
}

/** One call of replay(); `since` and `until` are SQL. */
async function replay(session: Session, endpoint: string, options: ReplayOptions = {}): Promise<Replay> {
  const [row] = await rowsOf<Replay>(
    session,
    `select replay_id, events from postrider.replay(
       $1, since => ${options.since ?? "now() - interval '1 hour'"}, until => ${options.until ?? "clock_timestamp()"},
       event_type => $2, states => $3, dry_run => $4)`,
    [
      endpoint,
      options.eventType === undefined ? "*" : options.eventType,
      options.states === undefined ? EVERYTHING : options.states,
      options.dryRun ?? false,
    ],
  );
  assert.ok(row !== undefined);
  return row;
}

async function countOf(endpoint: string, options: ReplayOptions = {}): Promise<number> {
  return Number((await replay(database.pool, endpoint, { ...options, dryRun: true })).events);
}

interface Step {
  readonly outcome: string;
  readonly prepared: number;
}

/** The next step of a replay, without waiting until it is due. */
async function step(session: Session, replayId: string): Promise<Step> {
  await session.query("update postrider.replay set next_step_at = clock_timestamp() where id = $1", [replayId]);
  const [row] = await rowsOf<Step>(session, statementText("prepare_replay"), [replayId]);
  assert.ok(row !== undefined);
  return row;
}

interface Status {
  readonly state: string;
  readonly reason: string | null;
  readonly events: string;
  readonly prepared: string;
  readonly left_alone: string;
  readonly pending: string;
  readonly succeeded: string;
  readonly exhausted: string;
  readonly discarded: string;
  readonly restored: string;
  readonly is_finished: boolean;
}

async function statusOf(replayId: string): Promise<Status> {
  const [row] = await rowsOf<Status>(
    database.pool,
    `select state, reason, events, prepared, left_alone, pending, succeeded, exhausted, discarded, restored,
            finished_at is not null as is_finished
     from postrider.replay_status where replay_id = $1`,
    [replayId],
  );
  assert.ok(row !== undefined);
  return row;
}

/** Leases all due deliveries and records them with this outcome; returns how many. */
async function deliver(
  session: Session,
  outcome: "succeeded" | "exhausted" | "pending" = "succeeded",
): Promise<number> {
  const daemon = randomUUID();
  const { leased } = await walk(session, { daemon, deliveries: 1_000, share: 1_000 });
  await recordResults(session, daemon, {
    later: leased.map((pair) => resultOf(pair, { attempts: pair.attempts, outcome })),
  });
  return leased.length;
}

/** Alternates steps and deliveries until the replay is done; returns the sizes of the steps. */
async function carryOut(session: Session, replayId: string): Promise<number[]> {
  const sizes: number[] = [];
  for (let count = 0; count < STEPS_MAX; count++) {
    const { outcome, prepared } = await step(session, replayId);
    sizes.push(prepared);
    if (outcome === "done") return sizes;
    await deliver(session);
  }
  throw new Error(`the replay was not done after ${STEPS_MAX} steps`);
}

/** Claims new events and records each with the outcome given. */
async function settle(
  session: Session,
  outcomeOf: (pair: ClaimedPair) => "succeeded" | "exhausted" | "discarded" = () => "succeeded",
): Promise<void> {
  const daemon = randomUUID();
  const pairs = await claimAll(session, { daemon });
  await recordResults(session, daemon, {
    first: pairs.map((pair) => {
      const outcome = outcomeOf(pair);
      return resultOf(pair, { outcome, ...(outcome === "discarded" ? { reason: "an operator said so" } : {}) });
    }),
    finished: [...new Set(pairs.map(({ claim }) => claim))],
  });
}

/** A claimed event whose delivery waits in the queue for this long. */
async function addWaiting(endpoint: string, wait: string): Promise<string> {
  const event = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
  await claimAll(database.pool);
  await database.pool.query(
    "update postrider.delivery set next_attempt_at = now() + $3::interval where event_id = $1 and endpoint_id = $2",
    [event, endpoint, wait],
  );
  return event;
}

/** Claims new events, and deletes the deliveries to this endpoint. */
async function claimAndForget(endpoint: string): Promise<void> {
  await claimAll(database.pool, { events: 30_000 });
  await database.pool.query("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
  await database.pool.query("delete from postrider.delivery where endpoint_id = $1", [endpoint]);
}

async function sentAgain(replayId: string): Promise<Set<string>> {
  const rows = await rowsOf<{ event_id: string }>(
    database.pool,
    "select event_id from postrider.delivery where replay_id = $1",
    [replayId],
  );
  return new Set(rows.map(({ event_id }) => event_id));
}

describe("what a replay sends", () => {
  test("matches the endpoint's subscriptions, and includes events from before the endpoint existed", async () => {
    const orders = await insertEvents(database.pool, "order.paid", 3);
    await insertEvents(database.pool, "user.made", 2);
    await insertEvent(database.pool, "order.paid", { tenant: "acme" });
    await settle(database.pool);
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    const { replay_id, events } = await replay(database.pool, endpoint);
    assert.equal(events, "3");
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(orders));
    for (const row of await deliveries(database.pool)) {
      assert.deepEqual(
        { state: row.state, attempts: row.attempts, attemptsBefore: row.attemptsBefore },
        { state: "succeeded", attempts: 1, attemptsBefore: 0 },
      );
    }
    assert.deepEqual(await statusOf(replay_id), {
      state: "done",
      reason: null,
      events: "3",
      prepared: "3",
      left_alone: "0",
      pending: "0",
      succeeded: "3",
      exhausted: "0",
      discarded: "0",
      restored: "0",
      is_finished: true,
    });
  });

  test("must pass the filter of at least one subscription", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    await subscribe(database.pool, endpoint, "order.paid", "$.vip == true");
    const dear = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500}' });
    const vip = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 5, "vip": true}' });
    await insertEvent(database.pool, "order.paid", { payload: '{"amount": 5}' });
    await insertEvent(database.pool, "order.sent", { payload: '{"amount": 5, "vip": true}' });
    await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500, "name": "\\u0000"}' });
    await settle(database.pool);
    const { replay_id, events } = await replay(database.pool, endpoint);
    assert.equal(events, "2");
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set([dear, vip]));
  });

  test("is narrowed down by event type, and * does not match Postrider's own events", async () => {
    const endpoint = await createEndpoint(database.pool, ["*", "postrider.*"]);
    for (const type of ["order.paid", "order.paid.late", "order", "user.made", "postrider.test"]) {
      await insertEvent(database.pool, type);
    }
    await settle(database.pool);
    for (const [eventType, count] of [
      ["*", 4],
      ["order.*", 2],
      ["order.paid", 1],
      ["order.paid.*", 1],
      ["postrider.*", 1],
      ["invoice.*", 0],
    ] as const) {
      assert.equal(await countOf(endpoint, { eventType }), count, eventType);
    }
    await database.pool.query("delete from postrider.subscription where event_type = 'postrider.*'");
    assert.equal(await countOf(endpoint, { eventType: "postrider.*" }), 0);
  });

  test("is narrowed down by delivery state; an event without a delivery is unmatched", async () => {
    await insertEvent(database.pool, "order.early");
    await settle(database.pool);
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.good", 2);
    await insertEvents(database.pool, "order.bad", 3);
    await insertEvents(database.pool, "order.ugly", 1);
    await settle(database.pool, ({ eventType }) =>
      eventType === "order.good" ? "succeeded" : eventType === "order.bad" ? "exhausted" : "discarded",
    );
    for (const [states, count] of [
      [EVERYTHING, 7],
      [null, 5],
      [["unmatched"], 1],
      [["succeeded"], 2],
      [["exhausted", "discarded"], 4],
      [["discarded"], 1],
    ] as const) {
      assert.equal(await countOf(endpoint, { states }), count, String(states));
    }
    const { replay_id } = await replay(database.pool, endpoint, { states: ["exhausted"] });
    await carryOut(database.pool, replay_id);
    assert.equal((await sentAgain(replay_id)).size, 3);
    assert.equal((await statusOf(replay_id)).prepared, "3");
  });

  test("leaves out what a person cancelled, unless it asks for exactly that, and keeps why", async () => {
    const endpoint = await createEndpoint(database.pool);
    const ways = ["queued", "leased", "in a claim", "not cancelled"];
    const events: string[] = [];
    const daemon = randomUUID();
    for (const way of ways) {
      const event = await insertEvent(
        database.pool,
        "order.paid",
        way === "in a claim" ? {} : { deliverAt: "yesterday" },
      );
      events.push(event);
      const pairs = await claimAll(database.pool, { daemon });
      if (way === "queued" || way === "leased") {
        await recordResults(database.pool, daemon, {
          first: pairs.map((pair) => resultOf(pair, { attempt: null, outcome: "pending", wait: 0 })),
        });
      }
      const { leased } = way === "leased" ? await walk(database.pool, { daemon }) : { leased: [] };
      if (way !== "not cancelled") {
        await database.pool.query("select postrider.cancel($1, $2, 'by mistake')", [event, endpoint]);
      }
      await recordResults(database.pool, daemon, {
        later: leased.map((pair) => resultOf(pair, { outcome: "pending" })),
      });
      if (way === "in a claim" || way === "not cancelled") {
        await recordResults(database.pool, daemon, {
          first: pairs.map((pair) =>
            resultOf(pair, { outcome: way === "in a claim" ? "pending" : "discarded", reason: "its filter is broken" }),
          ),
        });
      }
    }
    assert.equal(await countOf(endpoint, { states: null }), 1);
    assert.equal(await countOf(endpoint, { states: ["discarded"] }), 1);
    assert.equal(await countOf(endpoint, { states: ["cancelled"] }), 3);
    const { replay_id } = await replay(database.pool, endpoint, { states: ["cancelled"] });
    await step(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(events.slice(0, 3)));
    // A failed attempt in between does not make the cancel forgotten.
    await deliver(database.pool, "pending");
    await database.pool.query("select postrider.cancel_replay($1)", [replay_id]);
    assert.equal(await countOf(endpoint, { states: ["cancelled"] }), 3);
    assert.equal(await countOf(endpoint, { states: null }), 1);
    assert.equal(
      await askFor(
        database.pool,
        "select count(*)::int from postrider.delivery where state = 'discarded' and reason = 'cancelled: by mistake'",
      ),
      3,
    );
  });

  test("sends nothing before its deliver_at, and what waits for that stops nothing else", async () => {
    const scheduled = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    const due = await insertEvent(database.pool, "order.paid");
    await settle(database.pool);
    const endpoint = await createEndpoint(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    await step(database.pool, replay_id);
    assert.deepEqual(
      (await walk(database.pool)).leased.map(({ event }) => event),
      [due],
    );
    assert.equal((await statusOf(replay_id)).state, "delivering");
    assert.equal(
      await askFor(database.pool, "select next_attempt_at = $1 from postrider.delivery where event_id = $2", [
        IN_A_WEEK,
        scheduled,
      ]),
      true,
    );
  });

  test("begins with since and ends before until, to the microsecond of created_at", async () => {
    const endpoint = await createEndpoint(database.pool);
    const events = await insertEvents(database.pool, "order.paid", 5);
    await settle(database.pool);
    const times = await rowsOf<{ at: string }>(
      database.pool,
      "select created_at::text as at from postrider.outbox order by created_at",
    );
    assert.equal(new Set(times.map(({ at }) => at)).size, 5);
    const at = (index: number): string => `'${times[index]?.at}'::timestamptz`;
    assert.equal(await countOf(endpoint, { since: at(1), until: at(3) }), 2);
    assert.equal(await countOf(endpoint, { since: at(4) }), 1);
    const { replay_id } = await replay(database.pool, endpoint, { since: at(1), until: at(3) });
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(events.slice(1, 3)));
  });

  test("may span many days, including days without events, and the default partition", async () => {
    const endpoint = await createEndpoint(database.pool);
    const days = [400, 90, 89, 3, 2, 0];
    const events: string[] = [];
    for (const day of days) {
      for (let count = 0; count < 3; count++) {
        const id = await askFor(
          database.pool,
          `insert into postrider.outbox (id, created_at, event_type, payload)
           select (left(postrider.uuid_v7_floor(at)::text, 14) || '7' || right(gen_random_uuid()::text, 21))::uuid, at, 'order.paid', '{}'
           from (select clock_timestamp() - $1 * interval '1 day' as at) t
           returning id`,
          [day],
        );
        events.push(String(id));
      }
    }
    await settle(database.pool);
    assert.equal(await countOf(endpoint, { since: "'-infinity'" }), 18);
    assert.equal(await countOf(endpoint, { since: "now() - interval '89 days 12 hours'" }), 12);
    const { replay_id } = await replay(database.pool, endpoint, {
      since: "now() - interval '100 days'",
      until: "now() - interval '1 day'",
    });
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(events.slice(3, 15)));
  });

  test("includes only claimed events, because new ones are delivered anyway", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 4);
    assert.equal(await countOf(endpoint), 0);
    // One page: two of the four events are claimed and in hand, and the rest of their transaction is aside.
    const daemon = randomUUID();
    const page = await claimEvents(database.pool, { daemon, events: 2 });
    assert.equal(page.outcome, "aside");
    assert.equal(await countOf(endpoint), 0);
    await recordResults(database.pool, daemon, { first: page.pairs.map((pair) => resultOf(pair)) });
    assert.equal(await countOf(endpoint), 2);
    // These events had no delivery when they were claimed.
    const late = await createEndpoint(database.pool);
    assert.equal(await countOf(late), 2);
    const { replay_id } = await replay(database.pool, late);
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(eventsOf(page.pairs)));
    assert.deepEqual((await statusOf(replay_id)).left_alone, "2");
  });
});

describe("a dry run", () => {
  test("counts, and changes nothing", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 5);
    await settle(database.pool);
    const before = await deliveries(database.pool);
    const audited = await askFor(database.pool, "select count(*)::int from postrider.audit");
    assert.deepEqual(await replay(database.pool, endpoint, { dryRun: true }), { replay_id: null, events: "5" });
    assert.deepEqual(await deliveries(database.pool), before);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.audit"), audited);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.replay"), 0);
  });

  test("needs no right to write", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 5);
    await settle(database.pool);
    const session = await openSession(t, database.url);
    await session.query("begin transaction read only");
    assert.equal((await replay(session, endpoint, { dryRun: true })).events, "5");
  });
});

describe("a delivery that is replayed", () => {
  test("continues its attempt numbers, restarts its schedule, and names its replay", async () => {
    const endpoint = await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid");
    await settle(database.pool, () => "exhausted");
    const { replay_id } = await replay(database.pool, endpoint);
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "delivering", prepared: 1 });
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select state, attempts, attempts_before, replay_id, state_before from postrider.delivery where event_id = $1",
        [event],
      ),
      [{ state: "pending", attempts: 1, attempts_before: 1, replay_id, state_before: "exhausted" }],
    );
    const { leased } = await walk(database.pool);
    assert.deepEqual(
      leased.map(({ attempts, attemptsBefore }) => ({ attempts, attemptsBefore })),
      [{ attempts: 1, attemptsBefore: 1 }],
    );
  });

  test("is left alone while it is pending, leased or in a claim, and counted as such", async () => {
    const endpoint = await createEndpoint(database.pool);
    const daemon = randomUUID();
    await addWaiting(endpoint, "1 hour");
    const leased = await addWaiting(endpoint, "0");
    assert.deepEqual(eventsOf((await walk(database.pool, { daemon })).leased), [leased]);
    await insertEvent(database.pool, "order.paid");
    await claimEvents(database.pool, { daemon });
    const { replay_id, events } = await replay(database.pool, endpoint);
    assert.equal(events, "0");
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "done", prepared: 0 });
    assert.deepEqual(
      await rowsOf(database.pool, "select leased_by, replay_id from postrider.delivery order by event_id"),
      [
        { leased_by: null, replay_id: null },
        { leased_by: daemon, replay_id: null },
      ],
    );
    assert.equal((await statusOf(replay_id)).left_alone, "3");
  });

  test("is left alone if it finished after the replay was requested", async () => {
    const endpoint = await createEndpoint(database.pool);
    const early = await insertEvents(database.pool, "order.paid", 2);
    await settle(database.pool);
    const late = await addWaiting(endpoint, "0");
    const first = await replay(database.pool, endpoint);
    assert.equal(await deliver(database.pool), 1);
    assert.deepEqual(await step(database.pool, first.replay_id), { outcome: "delivering", prepared: 2 });
    assert.deepEqual(await sentAgain(first.replay_id), new Set(early));
    // A replay requested meanwhile finds the same two in progress, and then finished.
    const second = await replay(database.pool, endpoint);
    assert.equal(second.events, "1");
    assert.equal(await deliver(database.pool), 2);
    await step(database.pool, second.replay_id);
    assert.deepEqual(await sentAgain(second.replay_id), new Set([late]));
    assert.deepEqual((await statusOf(second.replay_id)).left_alone, "2");
  });

  test("belongs to the replay until it is finished, and not after a redelivery by hand", async () => {
    const endpoint = await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid");
    await settle(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    await step(database.pool, replay_id);
    const redeliver = () => database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
    await redeliver();
    assert.deepEqual(await sentAgain(replay_id), new Set([event]));
    await deliver(database.pool, "exhausted");
    assert.equal((await step(database.pool, replay_id)).outcome, "done");
    await redeliver();
    assert.deepEqual(await sentAgain(replay_id), new Set());
    await deliver(database.pool, "exhausted");
    const { prepared, exhausted, succeeded } = await statusOf(replay_id);
    assert.deepEqual({ prepared, exhausted, succeeded }, { prepared: "1", exhausted: "1", succeeded: "0" });
  });
});

describe("the pace of a replay", () => {
  test("grows while the endpoint accepts everything, up to five hundred a step", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 2_000);
    await claimAndForget(endpoint);
    const { replay_id, events } = await replay(database.pool, endpoint);
    assert.equal(events, "2000");
    assert.deepEqual(await carryOut(database.pool, replay_id), [16, 32, 64, 128, 256, 500, 500, 500, 4, 0]);
    const { succeeded, left_alone } = await statusOf(replay_id);
    assert.deepEqual({ succeeded, left_alone }, { succeeded: "2000", left_alone: "0" });
  });

  test("stops while more than half a step waits to be sent, and shrinks to eight", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 100);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    assert.equal((await step(database.pool, replay_id)).prepared, 16);
    for (let count = 0; count < 5; count++) assert.equal((await step(database.pool, replay_id)).prepared, 0);
    assert.equal(await askFor(database.pool, "select pace from postrider.replay"), 8);
    const daemon = randomUUID();
    await walk(database.pool, { daemon, share: 12 });
    assert.equal((await step(database.pool, replay_id)).prepared, 8);
    assert.equal(Number((await statusOf(replay_id)).pending), 24);
  });

  test("waits longer the longer nothing moves, and continues at once if nothing matches", async () => {
    const endpoint = await createEndpoint(database.pool, ["user.made"]);
    await insertEvents(database.pool, "user.made", 20);
    await insertEvents(database.pool, "order.paid", 25_000);
    await insertEvents(database.pool, "user.made", 1);
    await claimAndForget(endpoint);
    const { replay_id, events } = await replay(database.pool, endpoint);
    assert.equal(events, "21");
    // The step itself takes time, so the result lies between the two pauses.
    const stepAndPauses = async (): Promise<{ prepared: number; fromStartMs: number; fromEndMs: number }> => {
      const startedAt = await askFor(database.pool, "select clock_timestamp()::text");
      const { prepared } = await step(database.pool, replay_id);
      const text = `select extract(epoch from next_step_at - $1::timestamptz)::float8 * 1000 as "fromStartMs",
                           extract(epoch from next_step_at - clock_timestamp())::float8 * 1000 as "fromEndMs"
                    from postrider.replay`;
      const [row] = await rowsOf<{ fromStartMs: number; fromEndMs: number }>(database.pool, text, [startedAt]);
      assert.ok(row !== undefined);
      return { prepared, ...row };
    };
    const moving = await stepAndPauses();
    assert.equal(moving.prepared, 16);
    assert.ok(moving.fromStartMs >= 100 && moving.fromEndMs <= 100, JSON.stringify(moving));
    await database.pool.query("update postrider.replay set progressed_at = now() - interval '20 s'");
    const stuck = await stepAndPauses();
    assert.equal(stuck.prepared, 0);
    assert.ok(stuck.fromStartMs >= 2_000, JSON.stringify(stuck));
    const stuckForMs = Number(
      await askFor(
        database.pool,
        "select extract(epoch from clock_timestamp() - progressed_at) * 1000 from postrider.replay",
      ),
    );
    assert.ok(stuck.fromEndMs <= stuckForMs / 10, JSON.stringify({ ...stuck, stuckForMs }));
    assert.equal(await deliver(database.pool), 16);
    assert.equal((await step(database.pool, replay_id)).prepared, 4);
    assert.equal(await deliver(database.pool), 4);
    let steps = 0;
    for (let prepared = 0; prepared === 0; steps++) {
      const next = await stepAndPauses();
      prepared = next.prepared;
      if (prepared === 0) assert.ok(next.fromEndMs <= 0, JSON.stringify(next));
    }
    assert.ok(steps > 1, "the step read more than it may");
  });

  test("belongs to the oldest replay of an endpoint; the others wait until that one is prepared", async () => {
    const endpoint = await createEndpoint(database.pool);
    const other = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 20);
    await claimAndForget(endpoint);
    await claimAndForget(other);
    const first = await replay(database.pool, endpoint);
    const second = await replay(database.pool, endpoint);
    const third = await replay(database.pool, other);
    assert.equal((await step(database.pool, second.replay_id)).prepared, 0);
    assert.equal((await step(database.pool, third.replay_id)).prepared, 16);
    await carryOut(database.pool, first.replay_id);
    assert.equal((await step(database.pool, second.replay_id)).outcome, "done");
    assert.equal((await statusOf(second.replay_id)).left_alone, "20");
  });

  test("stops at five thousand pending deliveries, retries included", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 5_600);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    let pending = 0;
    for (let prepared = 1; prepared > 0; pending += prepared) {
      prepared = (await step(database.pool, replay_id)).prepared;
      await database.pool.query(
        "update postrider.delivery set next_attempt_at = now() + interval '1 hour' where state = 'pending'",
      );
    }
    assert.ok(pending >= 5_000 && pending < 5_500, `${pending} are pending`);
  });

  test("is zero while the endpoint is paused", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 20);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    await database.pool.query("select postrider.pause_endpoint($1, 'their night')", [endpoint]);
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "preparing", prepared: 0 });
    assert.equal(
      await askFor(database.pool, "select endpoint_state from postrider.replay_status where replay_id = $1", [
        replay_id,
      ]),
      "paused",
    );
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    assert.equal((await step(database.pool, replay_id)).prepared, 16);
  });
});

describe("a step", () => {
  test("makes the next replay of its endpoint due if it has reached the end of its range", async () => {
    const endpoint = await createEndpoint(database.pool, ["user.made"]);
    await insertEvents(database.pool, "user.made", 20);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    for (let count = 0; count < 2; count++) await replay(database.pool, endpoint);
    await database.pool.query("update postrider.replay set next_step_at = clock_timestamp() + interval '1 hour'");
    const othersAreDue = async () =>
      await rowsOf<{ state: string; is_due: boolean }>(
        database.pool,
        `select state, next_step_at <= clock_timestamp() as is_due
         from postrider.replay
         where id <> $1
         order by id`,
        [replay_id],
      );
    const [next, last] = [true, false].map((is_due) => ({ state: "preparing", is_due }));
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "preparing", prepared: 16 });
    assert.equal(await deliver(database.pool), 16);
    assert.deepEqual(await othersAreDue(), [last, last]);
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "delivering", prepared: 4 });
    assert.deepEqual(await othersAreDue(), [next, last]);
  });

  test("is taken by one daemon at a time, and only once it is due", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 100);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    const session = await openSession(t, database.url);
    await inTransaction(session, async () => {
      assert.equal((await step(session, replay_id)).prepared, 16);
      const [other] = await rowsOf<Step>(database.pool, statementText("prepare_replay"), [replay_id]);
      assert.deepEqual(other, { outcome: "busy", prepared: 0 });
    });
    // A busy machine may stall for longer than the pause after a step.
    await database.pool.query("update postrider.replay set next_step_at = clock_timestamp() + interval '1 min'");
    const [early] = await rowsOf<Step>(database.pool, statementText("prepare_replay"), [replay_id]);
    assert.deepEqual(early, { outcome: "busy", prepared: 0 });
    const [due] = await rowsOf<{ replay_id: string; due_in_ms: number }>(
      database.pool,
      statementText("due_replays"),
      [10],
    );
    assert.equal(due?.replay_id, replay_id);
    assert.ok(due.due_in_ms > 30_000 && due.due_in_ms <= 60_000, String(due.due_in_ms));
  });

  test("that is rolled back leaves cursor and deliveries as they were", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    const events = await insertEvents(database.pool, "order.paid", 30);
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    const session = await openSession(t, database.url);
    await session.query("begin");
    assert.equal((await step(session, replay_id)).prepared, 16);
    await session.query("rollback");
    assert.deepEqual(await sentAgain(replay_id), new Set());
    assert.deepEqual(await carryOut(database.pool, replay_id), [16, 14, 0]);
    assert.deepEqual(await sentAgain(replay_id), new Set(events));
  });

  test("stops before a locked delivery, and takes it later", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    const events = (await insertEvents(database.pool, "order.paid", 6)).sort();
    await settle(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.delivery where event_id = $1 for update", [events[3]]);
    assert.equal((await step(database.pool, replay_id)).prepared, 3);
    assert.deepEqual(await sentAgain(replay_id), new Set(events.slice(0, 3)));
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "preparing", prepared: 0 });
    await operator.query("rollback");
    await carryOut(database.pool, replay_id);
    assert.deepEqual(await sentAgain(replay_id), new Set(events));
    assert.equal((await statusOf(replay_id)).left_alone, "0");
  });

  test("does not end within a millisecond if the endpoint is ordered, however slow filters are", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.paid", "$.amount > 100");
    await insertEvents(database.pool, "order.paid", 4);
    await database.pool.query(`
      update postrider.outbox o
      set payload = '{"amount": 500}', id = (left(postrider.uuid_v7_floor(now() + n.place * interval '1 ms')::text, 13) || right(o.id::text, 23))::uuid
      from (select i.id, (row_number() over (order by i.seq) > 1)::integer as place from postrider.outbox i) n
      where n.id = o.id`);
    await settle(database.pool);
    await database.pool.query("update postrider.endpoint set ordered = true where id = $1", [endpoint]);
    const { replay_id } = await replay(database.pool, endpoint);
    const slow = await openSession(t, database.url);
    await slow.query("begin");
    await slow.query(`
      create or replace function postrider_internal.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
      returns table (endpoint_id uuid, problem text, is_slow boolean) language sql volatile
      as $$ select endpoint_ids[1], null, false from pg_sleep(0.06) $$`);
    assert.equal((await step(slow, replay_id)).prepared, 1);
    assert.equal((await step(slow, replay_id)).prepared, 3);
    await slow.query("rollback");
  });

  test("ends early if filters are slow, and still makes progress", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.paid", "$.amount > 100");
    const events = await insertEvents(database.pool, "order.paid", 12);
    await database.pool.query("update postrider.outbox set payload = '{\"amount\": 500}'");
    await settle(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    const slow = await openSession(t, database.url);
    await slow.query("begin");
    await slow.query(`
      create or replace function postrider_internal.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
      returns table (endpoint_id uuid, problem text, is_slow boolean) language sql volatile
      as $$ select endpoint_ids[1], null, false from pg_sleep(0.06) $$`);
    const sizes: number[] = [];
    for (let sum = 0; sum < events.length; sum += sizes.at(-1) ?? 0) {
      sizes.push((await step(slow, replay_id)).prepared);
      await slow.query("update postrider.delivery set next_attempt_at = 'infinity' where state = 'pending'");
    }
    await slow.query("rollback");
    // 100 ms plus the event being filtered when they end; on a busy machine perhaps only that one.
    assert.ok(
      sizes.every((size) => size === 1 || size === 2),
      String(sizes),
    );
  });

  test("that fails records the error where the operator looks, and is postponed", async () => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvent(database.pool, "order.paid");
    await claimAndForget(endpoint);
    const { replay_id } = await replay(database.pool, endpoint);
    await rowsOf(database.pool, statementText("note_replay_problem"), [replay_id, "canceling statement"]);
    assert.equal((await statusOf(replay_id)).reason, "canceling statement");
    const [due] = await rowsOf<{ due_in_ms: number }>(database.pool, statementText("due_replays"), [10]);
    assert.ok(due !== undefined && due.due_in_ms > 5_000);
    await step(database.pool, replay_id);
    assert.equal((await statusOf(replay_id)).reason, null);
  });
});

describe("cancel_replay", () => {
  const cancel = (session: Session, replayId: string) =>
    session.query("select postrider.cancel_replay($1)", [replayId]);

  const STATE = `
    select event_id, state, reason, attempts, replay_id, state_before, finished_at is not null as is_finished
    from postrider.delivery order by event_id`;

  for (const [what, act] of [
    ["is disabled", "select postrider.disable_endpoint($1)"],
    ["is deleted", "delete from postrider.endpoint where id = $1"],
  ] as const) {
    test(`locks the endpoint, so it does not deadlock if that ${what} meanwhile`, async (t) => {
      const endpoint = await createEndpoint(database.pool);
      await insertEvent(database.pool, "order.paid");
      await claimAll(database.pool);
      const { replay_id } = await replay(database.pool, endpoint);
      const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
      const pid = await pidOf(other);
      await one.query("begin");
      await one.query("select postrider.cancel_replay($1)", [replay_id]);
      const acting = other.query(act, [endpoint]);
      await waitsForLock(database.pool, pid);
      await one.query("select postrider.pause_endpoint($1, 'for now')", [endpoint]);
      await one.query("commit");
      await acting;
    });
  }

  test("restores the former state of each unsent delivery, and discards those that did not exist before", async () => {
    await insertEvent(database.pool, "order.early");
    await settle(database.pool);
    const endpoint = await createEndpoint(database.pool);
    for (const type of ["order.good", "order.bad", "order.ugly"]) {
      await insertEvent(database.pool, type);
      await settle(database.pool, () =>
        type === "order.good" ? "succeeded" : type === "order.bad" ? "exhausted" : "discarded",
      );
    }
    const [early, good, bad, ugly] = await rowsOf<{ id: string }>(
      database.pool,
      "select id from postrider.outbox order by created_at",
    );
    const before = await rowsOf<{ event_id: string }>(database.pool, STATE);
    const { replay_id } = await replay(database.pool, endpoint);
    assert.equal((await step(database.pool, replay_id)).prepared, 4);
    await cancel(database.pool, replay_id);
    assert.deepEqual(await rowsOf(database.pool, STATE), [
      {
        event_id: early?.id,
        state: "discarded",
        reason: "its replay was cancelled",
        attempts: 0,
        replay_id,
        state_before: null,
        is_finished: true,
      },
      ...before,
    ]);
    assert.deepEqual(
      before.map(({ event_id }) => event_id),
      [good?.id, bad?.id, ugly?.id],
    );
    const { state, reason, prepared, restored, discarded, succeeded, pending, is_finished } = await statusOf(replay_id);
    assert.deepEqual(
      { state, prepared, restored, discarded, succeeded, pending, is_finished },
      {
        state: "cancelled",
        prepared: "4",
        restored: "3",
        discarded: "1",
        succeeded: "0",
        pending: "0",
        is_finished: true,
      },
    );
    assert.match(String(reason), /^cancelled by \w+$/);
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "busy", prepared: 0 });
  });

  test("leaves sent deliveries alone, and lets attempts in flight finish, with no attempt after them", async () => {
    const endpoint = await createEndpoint(database.pool);
    const events = (await insertEvents(database.pool, "order.paid", 4)).sort();
    await settle(database.pool, () => "exhausted");
    const { replay_id } = await replay(database.pool, endpoint);
    await step(database.pool, replay_id);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon, share: 3 });
    const [first, second, third] = leased;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const record = (pair: typeof first, outcome: "succeeded" | "pending") =>
      recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1, outcome, wait: 0 })] });
    await record(first, "succeeded");
    await cancel(database.pool, replay_id);
    const halfway = await statusOf(replay_id);
    assert.deepEqual([halfway.state, halfway.is_finished, halfway.pending], ["cancelled", false, "2"]);
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "cancelling", prepared: 0 });
    await record(second, "succeeded");
    await record(third, "pending");
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "cancelled", prepared: 0 });
    const states = new Map(
      (
        await rowsOf<{ event_id: string; state: string }>(
          database.pool,
          "select event_id, state from postrider.delivery",
        )
      ).map(({ event_id, state }) => [event_id, state]),
    );
    const expected = new Map(events.map((event) => [event, "exhausted"]));
    expected.set(first.event, "succeeded").set(second.event, "succeeded");
    assert.deepEqual(states, expected);
    const { succeeded, restored, pending, is_finished } = await statusOf(replay_id);
    assert.deepEqual(
      { succeeded, restored, pending, is_finished },
      { succeeded: "2", restored: "2", pending: "0", is_finished: true },
    );
  });

  test("waits for a step in progress, and undoes it", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 30);
    await settle(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    const [daemon, operator] = [await openSession(t, database.url), await openSession(t, database.url)];
    await daemon.query("begin");
    assert.equal((await step(daemon, replay_id)).prepared, 16);
    const pid = await pidOf(operator);
    const cancelling = cancel(operator, replay_id);
    await waitsForLock(database.pool, pid);
    await daemon.query("commit");
    await cancelling;
    assert.equal((await statusOf(replay_id)).restored, "16");
    assert.deepEqual(
      await rowsOf(database.pool, "select state, count(*)::int from postrider.delivery group by state"),
      [{ state: "succeeded", count: 30 }],
    );
  });

  test("is refused if there is nothing to cancel", async () => {
    await assert.rejects(cancel(database.pool, NO_SUCH), {
      code: "P0002",
      message: `there is no replay ${NO_SUCH}`,
      hint: /replay_status/,
    });
    const endpoint = await createEndpoint(database.pool);
    await insertEvent(database.pool, "order.paid");
    await settle(database.pool);
    const { replay_id } = await replay(database.pool, endpoint);
    await carryOut(database.pool, replay_id);
    await assert.rejects(cancel(database.pool, replay_id), {
      code: "55000",
      message: `replay ${replay_id} is done already`,
    });
    const other = await replay(database.pool, endpoint);
    await cancel(database.pool, other.replay_id);
    await assert.rejects(cancel(database.pool, other.replay_id), { code: "55000", message: /is cancelled already/ });
  });
});

describe("a replay whose endpoint", () => {
  for (const [what, change, reason] of [
    ["is disabled", "select postrider.disable_endpoint($1)", "the endpoint is disabled"],
    [
      "is disabled by hand",
      "update postrider.endpoint set state = 'disabled' where id = $1",
      "the endpoint is disabled",
    ],
    ["is deleted", "delete from postrider.endpoint where id = $1", "the endpoint was deleted"],
  ] as const) {
    test(`${what} is cancelled with that reason, and its deliveries return to their former state`, async () => {
      const endpoint = await createEndpoint(database.pool);
      await insertEvents(database.pool, "order.paid", 20);
      await settle(database.pool);
      const { replay_id } = await replay(database.pool, endpoint);
      await step(database.pool, replay_id);
      await database.pool.query(change, [endpoint]);
      const status = await statusOf(replay_id);
      assert.deepEqual(
        [status.state, status.reason, status.restored, status.is_finished],
        ["cancelled", reason, "16", true],
      );
      assert.deepEqual(await rowsOf(database.pool, "select distinct state from postrider.delivery"), [
        { state: "succeeded" },
      ]);
    });
  }

  test("was deleted while the replay was being requested is cancelled by its first step", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    await insertEvents(database.pool, "order.paid", 2);
    await settle(database.pool);
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    const { replay_id } = await replay(operator, endpoint);
    await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
    await operator.query("commit");
    assert.equal((await statusOf(replay_id)).state, "preparing");
    assert.deepEqual(await step(database.pool, replay_id), { outcome: "cancelled", prepared: 0 });
    assert.equal((await statusOf(replay_id)).reason, "the endpoint is disabled");
  });
});

describe("a replay is refused, and the error says what was found and what to do,", () => {
  for (const [what, options, expected] of [
    [
      "that begins after it ends",
      { since: "now()", until: "now() - interval '1 hour'" },
      { code: "22023", message: /^the range is empty: since is .*, until is / },
    ],
    [
      "of the future",
      { since: "now() + interval '1 hour'", until: "now() + interval '2 hours'" },
      { code: "22023", hint: /until is at most now/ },
    ],
    ["without a beginning", { since: "null" }, { code: "22004", message: "since is null", hint: /-infinity/ }],
    [
      "of something that is not an event type",
      { eventType: "order*" },
      { code: "22023", message: "there is no event type 'order*'", hint: /order\.\*/ },
    ],
    ["of no event type", { eventType: null }, { code: "22023", message: "there is no event type null" }],
    [
      "of a state that there is not",
      { states: ["exhausted", "failed"] },
      {
        code: "22023",
        message: "deliveries are not replayed by the state 'failed'",
        hint: "The states are: exhausted, discarded, unmatched, cancelled, succeeded.",
      },
    ],
    [
      "of what is pending",
      { states: ["pending"] },
      { code: "22023", detail: "What is pending is on its way already." },
    ],
    [
      "of a null state",
      { states: [null] },
      { code: "22023", message: "deliveries are not replayed by the state null" },
    ],
    ["of no states", { states: [] }, { code: "22023", message: "states is empty" }],
    [
      "of a time before the oldest event",
      { since: "now() - interval '2 hours'", until: "now() - interval '1 hour'" },
      {
        code: "P0002",
        message: /^there is no event before /,
        detail: /^The oldest event that is retained is from /,
      },
    ],
  ] as const) {
    test(what, async () => {
      const endpoint = await createEndpoint(database.pool);
      await insertEvent(database.pool, "order.paid");
      await settle(database.pool);
      await assert.rejects(replay(database.pool, endpoint, options), expected);
      assert.equal(await askFor(database.pool, "select count(*)::int from postrider.replay"), 0);
    });
  }

  test("to an endpoint that does not exist or is disabled", async () => {
    await assert.rejects(replay(database.pool, NO_SUCH), { code: "P0002", message: `there is no endpoint ${NO_SUCH}` });
    const endpoint = await createEndpoint(database.pool, ["*"], { state: "disabled" });
    await assert.rejects(replay(database.pool, endpoint), { code: "55000", hint: /enable_endpoint/ });
  });
});

test("requesting a replay and cancelling it each leave a row in the audit", async () => {
  const endpoint = await createEndpoint(database.pool);
  await insertEvent(database.pool, "order.paid");
  await settle(database.pool);
  const { replay_id } = await replay(database.pool, endpoint, { eventType: "order.*", states: ["succeeded"] });
  await database.pool.query("select postrider.cancel_replay($1)", [replay_id]);
  const rows = await rowsOf<{ action: string; endpoint_id: string; detail: Record<string, unknown> }>(
    database.pool,
    "select action, endpoint_id, detail from postrider.audit where action ~ 'replay' order by id",
  );
  assert.deepEqual(
    rows.map(({ action, endpoint_id }) => ({ action, endpoint_id })),
    [
      { action: "replay", endpoint_id: endpoint },
      { action: "cancel_replay", endpoint_id: endpoint },
    ],
  );
  const { since, until, ...asked } = rows[0]?.detail ?? {};
  assert.deepEqual(asked, { replay_id, event_type: "order.*", states: ["succeeded"], events: 1 });
  assert.ok(typeof since === "string" && typeof until === "string");
  assert.deepEqual(rows[1]?.detail, { replay_id });
});

test("a replay wakes the daemons that sleep", async (t) => {
  const endpoint = await createEndpoint(database.pool);
  await insertEvent(database.pool, "order.paid");
  await settle(database.pool);
  const sleeper = await openSession(t, database.url);
  const notified = once(sleeper, "notification");
  await sleeper.query("listen postrider");
  await sleeper.query("select pg_advisory_lock(1886352244, 2)");
  await replay(database.pool, endpoint, { dryRun: true });
  await replay(database.pool, endpoint);
  await notified;
});

test("the status counts succeeded, exhausted and discarded deliveries while the replay runs", async () => {
  const endpoint = await createEndpoint(database.pool);
  await insertEvents(database.pool, "order.paid", 12);
  await settle(database.pool);
  const { replay_id } = await replay(database.pool, endpoint);
  const counts = async () => {
    const { pending, succeeded, exhausted, discarded } = await statusOf(replay_id);
    return [pending, succeeded, exhausted, discarded].map(Number);
  };
  await step(database.pool, replay_id);
  assert.deepEqual(await counts(), [12, 0, 0, 0]);
  const daemon = randomUUID();
  const { leased } = await walk(database.pool, { daemon, share: 9 });
  const outcomes = ["succeeded", "succeeded", "succeeded", "succeeded", "exhausted", "exhausted", "exhausted"] as const;
  await recordResults(database.pool, daemon, {
    later: leased.map((pair, index) => {
      const outcome = outcomes[index] ?? (index === 7 ? "discarded" : "pending");
      return resultOf(pair, { attempts: 1, outcome, ...(outcome === "discarded" ? { reason: "too large" } : {}) });
    }),
  });
  assert.deepEqual(await counts(), [4, 4, 3, 1]);
  await step(database.pool, replay_id);
  assert.deepEqual(await counts(), [4, 4, 3, 1]);
  assert.equal(await askFor(database.pool, "select count(*)::int from postrider.replay_failure"), 0);
});

describe("reading costs", () => {
  /** Buffers that a statement touches, including those of statements in its functions. */
  async function buffersOf(session: Session, text: string, values: unknown[]): Promise<number> {
    const [row] = await rowsOf<{ "QUERY PLAN": readonly { readonly Plan: Record<string, number> }[] }>(
      session,
      `explain (analyze, buffers, format json) ${text}`,
      values,
    );
    const plan = row?.["QUERY PLAN"][0]?.Plan;
    return Number(plan?.["Shared Hit Blocks"]) + Number(plan?.["Shared Read Blocks"]);
  }

  test("a step at the end of the range reads as much as one at the beginning, however many events the range has", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    const stepAfter = async (offset: number): Promise<number> => {
      const { replay_id } = await replay(database.pool, endpoint);
      await database.pool.query(
        "update postrider.replay set after_event = (select id from postrider.outbox order by id offset $2 limit 1) where id = $1",
        [replay_id, offset],
      );
      const session = await database.pool.connect();
      const costs: number[] = [];
      // The first step makes the plans, which reads the catalogue.
      for (let count = 0; count < 3; count++) {
        await session.query(
          "update postrider.replay set pace = 200, prepared = 0, next_step_at = clock_timestamp() where id = $1",
          [replay_id],
        );
        const text = "select outcome, prepared from postrider_internal.prepare_replay($1)";
        costs.push(await buffersOf(session, text, [replay_id]));
        assert.equal(
          await askFor(session, "select prepared::int from postrider.replay where id = $1", [replay_id]),
          200,
        );
        await deliver(session);
      }
      session.release();
      await database.pool.query("select postrider.cancel_replay($1)", [replay_id]);
      return Math.min(...costs);
    };
    const stepsAmong = async (events: number): Promise<readonly number[]> => {
      await insertEvents(database.pool, "order.paid", events);
      await claimAndForget(endpoint);
      // Until then the indexes hold deleted rows and those of earlier tests.
      await database.pool.query("vacuum postrider.outbox, postrider.delivery, postrider.replay_failure");
      return [await stepAfter(0), await stepAfter(events - 700)];
    };
    const [few, many] = [await stepsAmong(5_000), await stepsAmong(25_000)];
    const figures = `${few} buffers of 5,000 events, ${many} of 30,000`;
    t.diagnostic(figures);
    for (const [place, buffers] of many.entries()) {
      assert.ok(buffers < (few[place] ?? 0) * 1.2, figures);
    }
    // At the end of the index the previous step's rows lie beside this step's.
    assert.ok((many[1] ?? 0) < (many[0] ?? 0) * 2.5, figures);
  });

  test("the status reads about as much for thousands of finished deliveries as for ten", async () => {
    const costOf = async (events: number): Promise<number> => {
      await reset(database.pool);
      // Until then the indexes hold rows that earlier tests deleted.
      await database.pool.query("vacuum postrider.delivery, postrider.replay, postrider.replay_failure");
      const endpoint = await createEndpoint(database.pool);
      await insertEvents(database.pool, "order.paid", events);
      await claimAndForget(endpoint);
      const { replay_id } = await replay(database.pool, endpoint);
      await carryOut(database.pool, replay_id);
      // The state before the step that finds the replay done.
      await database.pool.query("update postrider.replay set state = 'delivering', finished_at = null");
      const text = "select succeeded, pending from postrider.replay_status where replay_id = $1";
      assert.deepEqual(await rowsOf(database.pool, text, [replay_id]), [{ succeeded: String(events), pending: "0" }]);
      return await buffersOf(database.pool, text, [replay_id]);
    };
    const [few, many] = [await costOf(10), await costOf(3_000)];
    assert.ok(many < few + 150, `${few} buffers for 10, ${many} for 3,000`);
  });
});
