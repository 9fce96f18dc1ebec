import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  beat,
  type ClaimedPair,
  claimEvents,
  createEndpoint,
  deliveries,
  type EndpointFields,
  insertEvent,
  insertEvents,
  type Leased,
  openSession,
  recordAll,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  takeOverClaim,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Held {
  readonly daemon: string;
  readonly claim: string;
  readonly endpoint: string;
  readonly pairs: readonly ClaimedPair[];
}

/** A daemon with the first attempts of this many events in hand. */
async function claimed(eventCount = 1, fields: EndpointFields = {}): Promise<Held> {
  const daemon = randomUUID();
  await beat(database.pool, daemon);
  const endpoint = await createEndpoint(database.pool, ["order.*"], fields);
  await insertEvents(database.pool, "order.paid", eventCount);
  const { claim, pairs } = await claimEvents(database.pool, { daemon });
  assert.equal(pairs.length, eventCount);
  return { daemon, claim: String(claim), endpoint, pairs };
}

/** A daemon with a leased delivery in hand that has had some attempts before. */
async function leased(
  attempts = 1,
): Promise<{ readonly daemon: string; readonly endpoint: string; readonly pair: Leased }> {
  const daemon = randomUUID();
  const endpoint = await createEndpoint(database.pool, []);
  await addPending(database.pool, endpoint);
  await database.pool.query("update postrider.delivery set attempts = $1", [attempts]);
  const { leased } = await walk(database.pool, { daemon });
  return { daemon, endpoint, pair: only(leased) };
}

describe("the result of a first attempt", () => {
  test("that succeeded is one delivery and one attempt", async () => {
    const { daemon, pairs, endpoint } = await claimed();
    const pair = only(pairs);
    const attempt = randomUUID();
    await recordResults(database.pool, daemon, { first: [resultOf(pair, { attempt })] });
    assert.deepEqual(await deliveries(database.pool), [
      {
        event: pair.event,
        endpoint,
        state: "succeeded",
        reason: null,
        attempts: 1,
        attemptsBefore: 0,
        leasedBy: null,
        dueInSeconds: null,
      },
    ]);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select id, event_id, endpoint_id, daemon_id, attempt_number, duration_ms, http_status, failure_kind, error,
                extract(epoch from started_at)::int as started_at from postrider.attempt`,
      ),
      [
        {
          id: attempt,
          event_id: pair.event,
          endpoint_id: endpoint,
          daemon_id: daemon,
          attempt_number: 1,
          duration_ms: 12,
          http_status: 200,
          failure_kind: null,
          error: null,
          started_at: 1_750_000_000,
        },
      ],
    );
  });

  test("that succeeded leaves no dead row", async (t) => {
    const session = await openSession(t, database.url);
    const { daemon, pairs } = await claimed(20);
    await session.query("begin");
    const before = await rowsWritten(session);
    await recordResults(session, daemon, { first: pairs.map((pair) => resultOf(pair)) });
    const after = await rowsWritten(session);
    await session.query("commit");
    assert.deepEqual(
      [after.inserted - before.inserted, after.updated - before.updated, after.deleted - before.deleted],
      [20, 0, 0],
    );
  });

  test("that failed is scheduled for its next attempt by the database's clock", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { outcome: "pending", wait: 60_000 })],
    });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts, row.leasedBy], ["pending", 1, null]);
    assert.ok(row.dueInSeconds !== null && row.dueInSeconds > 50 && row.dueInSeconds <= 60);
    assert.deepEqual(await attemptNumbers(), [1]);
  });

  test("that used up the schedule is exhausted", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, { first: [resultOf(only(pairs), { outcome: "exhausted" })] });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts, row.dueInSeconds], ["exhausted", 1, null]);
  });

  test("recorded twice adds nothing: the second record is refused, or ignored if it is marked as a repeat", async () => {
    const { daemon, claim, pairs } = await claimed(3);
    const first = pairs.map((pair) => resultOf(pair));
    await recordResults(database.pool, daemon, { first: first.slice(0, 2) });
    const before = await everything();
    await assert.rejects(recordResults(database.pool, daemon, { first, finished: [claim] }), { code: "23505" });
    assert.deepEqual(await everything(), before);
    await recordResults(database.pool, daemon, { first, isRepeat: true, finished: [claim] });
    const after = await everything();
    assert.deepEqual([after.deliveries.length, after.attempts.length], [3, 3]);
    await recordResults(database.pool, daemon, { first, isRepeat: true, finished: [claim] });
    assert.deepEqual(await everything(), after);
  });

  test("whose claim was taken over is recorded as a fact and decides nothing", async () => {
    const { daemon, claim, pairs } = await claimed();
    await beat(database.pool, daemon, -1);
    const heir = randomUUID();
    await beat(database.pool, heir);
    assert.equal((await takeOverClaim(database.pool, heir))?.claim, claim);
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { outcome: "exhausted" })],
      finished: [claim],
    });
    assert.deepEqual(await deliveries(database.pool), []);
    assert.deepEqual(await attemptNumbers(), [1]);
    await recordResults(database.pool, heir, { first: [resultOf(only(pairs))] });
    assert.equal(only(await deliveries(database.pool)).state, "succeeded");
    assert.deepEqual(await attemptNumbers(), [1, 1]);
  });

  for (const { name, isFormerFirst } of [
    { name: "and that succeeded before for the daemon that lost the claim is two attempts", isFormerFirst: true },
    { name: "and that succeeded afterwards for the daemon that lost the claim is two attempts", isFormerFirst: false },
  ]) {
    test(name, async () => {
      const { daemon, pairs } = await claimed();
      await beat(database.pool, daemon, -1);
      const heir = randomUUID();
      await beat(database.pool, heir);
      await takeOverClaim(database.pool, heir);
      for (const recorder of isFormerFirst ? [daemon, heir] : [heir, daemon]) {
        await recordResults(database.pool, recorder, { first: [resultOf(only(pairs))] });
      }
      assert.deepEqual([only(await deliveries(database.pool)).attempts, await attemptNumbers()], [1, [1, 1]]);
      assert.deepEqual(
        new Set(
          (await rowsOf<{ by: string }>(database.pool, "select daemon_id as by from postrider.attempt")).map(
            ({ by }) => by,
          ),
        ),
        new Set([daemon, heir]),
      );
      assert.equal(await askFor(database.pool, "select first_daemon_id from postrider.delivery"), heir);
    });
  }

  test("tells how many requests its attempt made, and which revision of the endpoint it used", async () => {
    const { daemon, pairs } = await claimed(3);
    const [one, two, three] = pairs.map((pair, index) =>
      resultOf(pair, { requests: index, outcome: index === 0 ? "pending" : "succeeded" }),
    );
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    await recordResults(database.pool, daemon, {
      first: [one, { ...two, requests: null }, { ...three, revision: "7" }],
    });
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select requests, endpoint_revision as revision, batch_id as batch from postrider.attempt order by 1",
      ),
      [
        { requests: 0, revision: "1", batch: null },
        { requests: 1, revision: "1", batch: null },
        { requests: 2, revision: "7", batch: null },
      ],
    );
  });

  test("that succeeded has what every attempt has", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, { first: [resultOf(only(pairs))] });
    for (const column of ["first_daemon_id", "first_started_at", "first_duration_ms"]) {
      await assert.rejects(
        database.pool.query(`update postrider.delivery set ${column} = null`),
        { code: "23514", constraint: "a first attempt has a daemon, a start and a duration" },
        column,
      );
    }
  });

  const again: { readonly how: string; readonly send: (event: string, endpoint: string) => Promise<unknown> }[] = [
    {
      how: "redelivered",
      send: (event, endpoint) => database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]),
    },
    {
      how: "replayed",
      send: async (_, endpoint) => {
        await database.pool.query("select postrider.replay($1, '-infinity', states => '{succeeded}')", [endpoint]);
        const replay = await askFor(database.pool, "select id from postrider.replay");
        await database.pool.query(statementText("prepare_replay"), [replay]);
      },
    },
  ];
  for (const { how, send } of again) {
    test(`that succeeded is kept whole when its delivery is ${how}`, async () => {
      const { daemon, endpoint, pairs } = await claimed();
      const pair = only(pairs);
      const answer = { headers: '{"x":"1"}', body: "thank you" };
      await recordResults(database.pool, daemon, { first: [{ ...resultOf(pair), ...answer }] });
      const first = "select * from postrider.attempt where attempt_number = 1";
      const before = await rowsOf(database.pool, first);
      assert.equal(before.length, 1);
      for (const [attempts, outcome] of [
        [1, "exhausted"],
        [2, "succeeded"],
      ] as const) {
        await send(pair.event, endpoint);
        assert.deepEqual(await rowsOf(database.pool, first), before);
        const leased = only((await walk(database.pool, { daemon })).leased);
        await recordResults(database.pool, daemon, { later: [resultOf(leased, { attempts, outcome })] });
        assert.deepEqual(await rowsOf(database.pool, first), before);
        if (how === "replayed") break;
      }
      assert.deepEqual(await attemptNumbers(), how === "replayed" ? [1, 2] : [1, 2, 3]);
    });
  }

  test("that failed late does not undo a success", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, { first: [resultOf(only(pairs))] });
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { outcome: "pending" })],
      isRepeat: true,
    });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts], ["succeeded", 1]);
    assert.deepEqual(await attemptNumbers(), [1, 1]);
  });

  test("that is handed back without an attempt is due again, and no attempt is noted", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { attempt: null, outcome: "pending", wait: 0 })],
    });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts], ["pending", 0]);
    assert.deepEqual(await attemptNumbers(), []);
    assert.equal((await walk(database.pool)).leased.length, 1);
  });

  test("that was handed back as discarded carries its reason", async () => {
    const { daemon, pairs } = await claimed();
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { attempt: null, outcome: "discarded", reason: "the event is gone" })],
    });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.reason, row.attempts], ["discarded", "the event is gone", 0]);
  });

  for (const [what, statement, reason] of [
    ["was disabled", "update postrider.endpoint set state = 'disabled'", "the endpoint is disabled"],
    ["was deleted", "delete from postrider.endpoint", "the endpoint was deleted"],
  ] as const) {
    test(`that would be retried is discarded if the endpoint ${what} meanwhile; a success stays one`, async () => {
      const { daemon, pairs } = await claimed(2);
      const [failed, succeeded] = pairs;
      assert.ok(failed !== undefined && succeeded !== undefined);
      await database.pool.query(statement);
      await recordResults(database.pool, daemon, {
        first: [resultOf(failed, { outcome: "pending" }), resultOf(succeeded)],
      });
      const rows = new Map(
        (await deliveries(database.pool)).map((row) => [row.event, [row.state, row.reason, row.attempts]]),
      );
      assert.deepEqual(rows.get(failed.event), ["discarded", reason, 1]);
      assert.deepEqual(rows.get(succeeded.event), ["succeeded", null, 1]);
    });
  }

  test("keeps what the receiver answered", async () => {
    const { daemon, pairs } = await claimed();
    const result = { ...resultOf(only(pairs)), headers: '{"x-a": ["1", "2"]}', body: 'né"\\\u2028' };
    await recordResults(database.pool, daemon, { first: [result] });
    assert.deepEqual(await rowsOf(database.pool, "select response_headers, response_body from postrider.attempt"), [
      { response_headers: { "x-a": ["1", "2"] }, response_body: 'né"\\\u2028' },
    ]);
  });
});

describe("the result of a leased delivery", () => {
  test("updates the delivery, and releases the lease", async () => {
    const { daemon, pair } = await leased(1);
    await recordResults(database.pool, daemon, {
      later: [resultOf(pair, { attempts: 1, outcome: "pending", wait: 60_000 })],
    });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts, row.leasedBy], ["pending", 2, null]);
    assert.ok(row.dueInSeconds !== null && row.dueInSeconds > 50 && row.dueInSeconds <= 60);
    assert.deepEqual(await attemptNumbers(), [2]);
  });

  for (const outcome of ["succeeded", "exhausted"] as const) {
    test(`ends the delivery if it ${outcome === "succeeded" ? "succeeded" : "was the last of the schedule"}`, async () => {
      const { daemon, pair } = await leased(3);
      await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 3, outcome })] });
      const row = only(await deliveries(database.pool));
      assert.deepEqual([row.state, row.attempts, row.leasedBy, row.dueInSeconds], [outcome, 4, null, null]);
    });
  }

  test("recorded twice adds nothing", async () => {
    const { daemon, pair } = await leased(1);
    const later = [resultOf(pair, { attempts: 1, outcome: "pending" })];
    await recordResults(database.pool, daemon, { later });
    const before = await rowsOf(database.pool, "select * from postrider.delivery");
    await assert.rejects(recordResults(database.pool, daemon, { later }), { code: "23505" });
    await recordResults(database.pool, daemon, { later, isRepeat: true });
    assert.deepEqual(await rowsOf(database.pool, "select * from postrider.delivery"), before);
    assert.deepEqual(await attemptNumbers(), [2]);
  });

  test("is recorded as a fact and decides nothing if another daemon now has the lease", async () => {
    const { daemon, pair } = await leased(1);
    await expireLeases();
    const heir = randomUUID();
    assert.equal((await walk(database.pool, { daemon: heir })).leased.length, 1);
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1, outcome: "exhausted" })] });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts, row.leasedBy], ["pending", 1, heir]);
    assert.deepEqual(await attemptNumbers(), [2]);
  });

  test("is recorded as a fact and decides nothing if the daemon itself is already at a later attempt", async () => {
    const { daemon, pair } = await leased(1);
    await recordResults(database.pool, daemon, {
      later: [resultOf(pair, { attempts: 1, outcome: "pending", wait: 0 })],
    });
    assert.equal((await walk(database.pool, { daemon })).leased.length, 1);
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1, outcome: "exhausted" })] });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts, row.leasedBy], ["pending", 2, daemon]);
  });

  test("that failed late does not undo a success", async () => {
    const { daemon, pair } = await leased(1);
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1 })] });
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1, outcome: "pending" })] });
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 2, outcome: "pending" })] });
    const row = only(await deliveries(database.pool));
    assert.deepEqual([row.state, row.attempts], ["succeeded", 2]);
  });

  test("that is handed back without an attempt keeps its number", async () => {
    const { daemon, pair } = await leased(2);
    await recordResults(database.pool, daemon, {
      later: [resultOf(pair, { attempt: null, attempts: 2, outcome: "pending", wait: 0 })],
    });
    assert.deepEqual(await attemptNumbers(), []);
    assert.deepEqual(
      (await walk(database.pool)).leased.map(({ attempts }) => attempts),
      [2],
    );
  });

  for (const [what, statement, reason] of [
    ["was disabled", "update postrider.endpoint set state = 'disabled'", "the endpoint is disabled"],
    ["was deleted", "delete from postrider.endpoint", "the endpoint was deleted"],
  ] as const) {
    test(`that would be retried is discarded if the endpoint ${what} meanwhile`, async () => {
      const { daemon, pair } = await leased(1);
      await database.pool.query(statement);
      assert.equal(only(await deliveries(database.pool)).leasedBy, daemon);
      await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: 1, outcome: "pending" })] });
      const row = only(await deliveries(database.pool));
      assert.deepEqual([row.state, row.reason, row.attempts, row.leasedBy], ["discarded", reason, 2, null]);
    });
  }
});

describe("an answer of 410", () => {
  test("disables the endpoint and discards its waiting deliveries", async () => {
    const { daemon, pairs, endpoint } = await claimed();
    const waiting = await addPending(database.pool, endpoint);
    const other = await createEndpoint(database.pool, []);
    const kept = await addPending(database.pool, other);
    await recordResults(database.pool, daemon, {
      first: [resultOf(only(pairs), { outcome: "exhausted", status: 410 })],
      gone: [endpoint],
    });
    const states = new Map(
      (await deliveries(database.pool)).map(({ event, state, reason }) => [event, [state, reason]]),
    );
    assert.deepEqual(states.get(only(pairs).event), ["exhausted", null]);
    assert.deepEqual(states.get(waiting), ["discarded", "the endpoint is disabled: the receiver answered 410 Gone"]);
    assert.deepEqual(states.get(kept), ["pending", null]);
    assert.deepEqual(
      await rowsOf(database.pool, "select state, state_reason from postrider.endpoint where id = $1", [endpoint]),
      [{ state: "disabled", state_reason: "the receiver answered 410 Gone" }],
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select action, detail from postrider.audit where endpoint_id = $1 and action <> 'create_endpoint'",
        [endpoint],
      ),
      [{ action: "disable_endpoint", detail: { reason: "the receiver answered 410 Gone" } }],
    );
  });

  test("from an endpoint that is already disabled changes nothing about it", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await database.pool.query("select postrider.disable_endpoint($1, 'by hand')", [endpoint]);
    await recordResults(database.pool, randomUUID(), { gone: [endpoint, randomUUID()] });
    assert.equal(
      await askFor(database.pool, "select state_reason from postrider.endpoint where id = $1", [endpoint]),
      "by hand",
    );
  });
});

describe("a finished claim", () => {
  test("is deleted, unless it is the newest: that one is the cursor, and is deleted once a newer claim exists", async () => {
    const { daemon, claim, pairs } = await claimed();
    const first = [resultOf(only(pairs))];
    assert.deepEqual(await recordResults(database.pool, daemon, { first, finished: [claim] }), [claim]);
    assert.deepEqual(await claimIds(), [claim]);
    await insertEvent(database.pool, "order.paid");
    const next = String((await claimEvents(database.pool, { daemon })).claim);
    assert.deepEqual(await claimIds(), [claim, next]);
    assert.deepEqual(await recordResults(database.pool, daemon, { finished: [claim] }), []);
    assert.deepEqual(await claimIds(), [next]);
  });

  test("of another daemon stays", async () => {
    const { claim } = await claimed();
    await insertEvent(database.pool, "order.paid");
    const next = String((await claimEvents(database.pool)).claim);
    assert.deepEqual(await recordResults(database.pool, randomUUID(), { finished: [claim] }), []);
    assert.deepEqual(await claimIds(), [claim, next]);
  });

  test("that must stay as the cursor can be emptied, and the next claim deletes it", async () => {
    const { daemon, claim, pairs } = await claimed();
    await recordResults(database.pool, daemon, { first: [resultOf(only(pairs))], finished: [claim] });
    await database.pool.query("select postrider_internal.empty_claims($1, $2)", [randomUUID(), [claim]]);
    assert.equal(await pairCount(claim), 1);
    await database.pool.query("select postrider_internal.empty_claims($1, $2)", [daemon, [claim]]);
    assert.equal(await pairCount(claim), 0);
    await insertEvent(database.pool, "order.paid");
    const next = String((await claimEvents(database.pool)).claim);
    assert.deepEqual(await claimIds(), [next]);
  });

  test("that is emptied when it is no longer the cursor is deleted at once", async () => {
    const { daemon, claim, pairs } = await claimed();
    await recordResults(database.pool, daemon, { first: [resultOf(only(pairs))], finished: [claim] });
    await insertEvent(database.pool, "order.paid");
    const next = String((await claimEvents(database.pool)).claim);
    await database.pool.query("select postrider_internal.empty_claims($1, $2)", [daemon, [claim]]);
    assert.deepEqual(await claimIds(), [next]);
  });
});

describe("a claim that lost some of its records in a crash of Postgres", () => {
  /** Two of three results are recorded and then lost; the claim is no longer the cursor. */
  async function crashed(): Promise<Held & { readonly epoch: string }> {
    const held = await claimed(3);
    const { daemon, pairs } = held;
    const first = pairs.slice(0, 2).map((pair) => resultOf(pair));
    const { epoch } = await recordAll(database.pool, daemon, { first });
    await database.pool.query("delete from postrider.delivery");
    await insertEvent(database.pool, "order.paid");
    await claimEvents(database.pool);
    return { ...held, epoch };
  }

  test("is not deleted with the rest of its results, is not kept, and is adopted without the recorded ones", async () => {
    const { daemon, claim, pairs } = await crashed();
    const first = pairs.slice(2).map((pair) => resultOf(pair));
    assert.deepEqual(await recordResults(database.pool, daemon, { first, finished: [claim] }), []);
    assert.equal(await pairCount(claim), 3);
    const adopted = await takeOverClaim(database.pool, daemon);
    assert.deepEqual(
      [adopted?.claim, adopted?.pairs.map(({ event }) => event)],
      [claim, pairs.slice(0, 2).map(({ event }) => event)],
    );
  });

  test("is not deleted if its earlier results were recorded in another epoch", async () => {
    const { daemon, claim, pairs, epoch } = await crashed();
    await database.pool.query("truncate postrider.server_epoch");
    const recorded = await recordAll(database.pool, daemon, {
      first: pairs.slice(2).map((pair) => resultOf(pair)),
      finished: [claim],
      epochs: [epoch],
    });
    assert.deepEqual(recorded.kept_claims, []);
    assert.notEqual(recorded.epoch, epoch);
    assert.equal(await pairCount(claim), 3);
  });

  test("would be deleted without a look at its deliveries in one epoch, so a crash must end that", async () => {
    const { daemon, claim, pairs, epoch } = await crashed();
    const first = pairs.slice(2).map((pair) => resultOf(pair));
    await recordResults(database.pool, daemon, { first, finished: [claim], epochs: [epoch] });
    assert.equal(
      await askFor(database.pool, "select count(*)::integer from postrider.claim where id = $1", [claim]),
      0,
    );
  });

  test("is not emptied by a daemon that stops", async () => {
    const { daemon, claim } = await crashed();
    await database.pool.query("select postrider_internal.empty_claims($1, $2)", [daemon, [claim]]);
    assert.equal(await pairCount(claim), 3);
  });
});

describe("recording does not wait for a locked row:", () => {
  test("the result of a locked delivery is recorded as a fact, and the delivery is reported as locked", async (t) => {
    const daemon = randomUUID();
    const endpoint = await createEndpoint(database.pool, []);
    for (let count = 0; count < 3; count++) {
      await addPending(database.pool, endpoint);
    }
    const { leased } = await walk(database.pool, { daemon });
    assert.equal(leased.length, 3);
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.delivery where event_id = $1 for update", [leased[1]?.event]);
    const later = leased.map((pair) => resultOf(pair));
    const session = await openSession(t, database.url);
    await session.query("set lock_timeout = '100ms'");
    assert.deepEqual((await recordAll(session, daemon, { later })).locked, [2]);
    const stateOf = async (n: number) =>
      await askFor(database.pool, "select state from postrider.delivery where event_id = $1", [leased[n]?.event]);
    assert.deepEqual([await stateOf(0), await stateOf(1), await stateOf(2)], ["succeeded", "pending", "succeeded"]);
    assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.attempt"), 3);
    await operator.query("rollback");
    assert.equal((await recordAll(session, daemon, { later: later.slice(1, 2), isRepeat: true })).locked, null);
    assert.equal(await stateOf(1), "succeeded");
    assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.attempt"), 3);
  });

  test("a locked endpoint that answered 410 is disabled by the next 410", async (t) => {
    const { daemon, claim, pairs, endpoint } = await claimed(2);
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.endpoint where id = $1 for update", [endpoint]);
    const session = await openSession(t, database.url);
    await session.query("set lock_timeout = '100ms'");
    const gone = pairs.map((pair) => resultOf(pair, { outcome: "discarded", status: 410, reason: "gone" }));
    await recordResults(session, daemon, { first: gone.slice(0, 1), gone: [endpoint] });
    const stateOf = async () =>
      await askFor(database.pool, "select state from postrider.endpoint where id = $1", [endpoint]);
    assert.equal(await stateOf(), "active");
    await operator.query("rollback");
    await recordResults(session, daemon, { first: gone.slice(1), gone: [endpoint], finished: [claim] });
    assert.equal(await stateOf(), "disabled");
  });
});

test("a claim whose results are being recorded is not taken over before they are visible", async (t) => {
  const { daemon, claim, pairs } = await claimed(2);
  const session = await openSession(t, database.url);
  await session.query("begin");
  await recordResults(session, daemon, { first: [resultOf(pairs[0] ?? only([]))] });
  await database.pool.query("update postrider.daemon set lease_expires_at = now() - interval '1 s'");
  assert.equal(await takeOverClaim(database.pool, randomUUID()), null);
  await session.query("commit");
  const taken = await takeOverClaim(database.pool, randomUUID());
  assert.deepEqual([taken?.claim, taken?.pairs.map(({ event }) => event)], [claim, [pairs[1]?.event]]);
});

test("only records may be flushed later: the session's setting is restored after the commit", async (t) => {
  const session = await openSession(t, database.url);
  const { daemon, pairs } = await claimed();
  await session.query("begin");
  await recordResults(session, daemon, { first: [resultOf(only(pairs))] });
  assert.equal(await askFor(session, "show synchronous_commit"), "off");
  await session.query("commit");
  assert.equal(await askFor(session, "show synchronous_commit"), "on");
});

test("a result that Postgres refuses does not affect the others", async () => {
  const { daemon, pairs } = await claimed(2);
  const [good, bad] = pairs;
  assert.ok(good !== undefined && bad !== undefined);
  const first = [resultOf(good), { ...resultOf(bad), body: "\u0000" }];
  await assert.rejects(recordResults(database.pool, daemon, { first }), { code: "22021" });
  assert.deepEqual([await deliveries(database.pool), await attemptNumbers()], [[], []]);
});

test("two sessions recording the same results at once do not deadlock, and record each result once", async (t) => {
  const { daemon, pairs } = await claimed(30);
  const sessions = [await openSession(t, database.url), await openSession(t, database.url)];
  const first = pairs.map((pair) => resultOf(pair));
  for (let count = 0; count < 5; count++) {
    const outcomes = await Promise.all(
      sessions.map((session) =>
        recordResults(session, daemon, { first, isRepeat: true }).then(
          () => "recorded",
          (thrown: unknown) => (thrown instanceof pg.DatabaseError ? thrown.code : String(thrown)),
        ),
      ),
    );
    assert.ok(outcomes.includes("recorded"));
    assert.ok(
      outcomes.every((outcome) => outcome === "recorded" || outcome === "23505"),
      outcomes.join(),
    );
    const { deliveries, attempts } = await everything();
    assert.deepEqual([deliveries.length, attempts.length], [30, 30]);
    await database.pool.query("delete from postrider.delivery; delete from postrider.other_attempt");
  }
});

interface Everything {
  readonly deliveries: readonly object[];
  readonly attempts: readonly object[];
}

async function everything(): Promise<Everything> {
  return {
    deliveries: await rowsOf(database.pool, "select * from postrider.delivery order by event_id, endpoint_id"),
    attempts: await rowsOf(database.pool, "select * from postrider.attempt order by id"),
  };
}

async function attemptNumbers(): Promise<number[]> {
  const rows = await rowsOf<{ n: number }>(
    database.pool,
    "select attempt_number as n from postrider.attempt order by n",
  );
  return rows.map(({ n }) => n);
}

async function claimIds(): Promise<string[]> {
  return (await rowsOf<{ id: string }>(database.pool, "select id from postrider.claim order by id")).map(
    ({ id }) => id,
  );
}

async function expireLeases(): Promise<void> {
  await database.pool.query(
    "update postrider.delivery set lease_expires_at = now() - interval '1 s', next_attempt_at = now() - interval '1 s' where leased_by is not null",
  );
}

/** Rows of the engine's tables that the session wrote in its transaction. */
async function rowsWritten(session: Parameters<typeof rowsOf>[0]) {
  const [row] = await rowsOf<{ inserted: number; updated: number; deleted: number }>(
    session,
    `select sum(n_tup_ins)::int as inserted, sum(n_tup_upd)::int as updated, sum(n_tup_del)::int as deleted
     from pg_stat_xact_user_tables where schemaname = 'postrider' and relname ~ '^(outbox|delivery|other_attempt|claim|daemon|endpoint)'`,
  );
  assert.ok(row !== undefined);
  return row;
}

function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  assert.ok(item !== undefined && items.length === 1, `one was expected, not ${items.length}`);
  return item;
}

async function pairCount(claim: string): Promise<unknown> {
  return await askFor(database.pool, "select cardinality(event_ids) from postrider.claim where id = $1", [claim]);
}
