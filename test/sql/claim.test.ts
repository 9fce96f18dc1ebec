import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  type ClaimOptions,
  claimAll,
  claimEvents,
  createEndpoint,
  eventsOf,
  eventually,
  insertEvent,
  insertEvents,
  inTransaction,
  openSession,
  reset,
  rowsOf,
  type Session,
  takeOverClaim,
  unguarded,
  walk,
} from "../support/engine.ts";
import { createLogin, isRefused, ROLES } from "../support/roles.ts";

const LOCK_MODES = [
  "access share",
  "row share",
  "row exclusive",
  "share update exclusive",
  "share",
  "share row exclusive",
  "exclusive",
  "access exclusive",
];

/** The id of the session's transaction. */
const XID = "select pg_current_xact_id()::text";

const database = useDatabase();

beforeEach(async () => {
  await reset(database.pool);
  await createEndpoint(database.pool);
});

describe("a claim finds each committed event once", () => {
  test("in whatever order the transactions commit", async (t) => {
    const [first, second, third] = await sessions(t, 3);
    const events = new Map<pg.Client, string>();
    for (const session of [first, second, third]) {
      await session.query("begin");
      events.set(session, await insertEvent(session, "order.paid"));
    }
    const claimed: string[] = [];
    for (const session of [second, third, first]) {
      await session.query("commit");
      const found = eventsOf(await claimAll(database.pool));
      assert.deepEqual(found, [events.get(session)]);
      claimed.push(...found);
    }
    assert.equal(claimed.length, 3);
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("and nothing of a transaction that was rolled back", async (t) => {
    const [session] = await sessions(t, 1);
    await session.query("begin");
    await insertEvents(session, "order.paid", 3);
    assert.equal((await claimEvents(database.pool)).outcome, "empty");
    await session.query("rollback");
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("whose savepoint was released, and not one whose savepoint was rolled back", async (t) => {
    const [session] = await sessions(t, 1);
    await session.query("begin");
    const kept = [await insertEvent(session, "order.paid")];
    await session.query("savepoint undone");
    await insertEvent(session, "order.paid");
    await session.query("rollback to undone");
    await session.query("savepoint released");
    kept.push(await insertEvent(session, "order.paid"));
    assert.deepEqual(await claimAll(database.pool), []);
    await session.query("release released");
    kept.push(await insertEvent(session, "order.paid"));
    await session.query("commit");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), kept);
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("of more subtransactions than a session's cache of them holds", async (t) => {
    const [session, later] = await sessions(t, 2);
    await session.query("begin");
    const events: string[] = [];
    for (let count = 0; count < 70; count++) {
      await session.query("savepoint s");
      events.push(await insertEvent(session, "order.paid"));
      await session.query("release s");
    }
    const other = await insertEvent(later, "order.paid");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), [other]);
    await session.query("commit");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), events);
  });

  test("of a prepared transaction when it is committed, however late and by whomever", async (t) => {
    const [session] = await sessions(t, 1);
    for (const end of ["commit", "rollback"]) {
      await session.query("begin");
      await session.query("set local postrider.wake = off");
      const event = await insertEvent(session, "order.paid");
      await session.query(`prepare transaction 'claim ${end}'`);
      const meanwhile = await insertEvent(database.pool, "order.paid");
      assert.deepEqual(eventsOf(await claimAll(database.pool)), [meanwhile]);
      await database.pool.query(`${end} prepared 'claim ${end}'`);
      assert.deepEqual(eventsOf(await claimAll(database.pool)), end === "commit" ? [event] : []);
    }
  });

  test("of a transaction that stays open across several claims", async (t) => {
    const [session] = await sessions(t, 1);
    await session.query("begin");
    const early = await insertEvent(session, "order.paid");
    for (let count = 0; count < 5; count++) {
      const event = await insertEvent(database.pool, "order.paid");
      assert.deepEqual(eventsOf(await claimAll(database.pool)), [event]);
    }
    const late = await insertEvent(session, "order.paid");
    await session.query("commit");
    assert.deepEqual(eventsOf(await claimAll(database.pool, { events: 1 })), [early, late]);
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("of transactions that commit in the middle of a window that is read page by page", async (t) => {
    const [below, above] = await sessions(t, 2);
    await below.query("begin");
    const straggler = await insertEvent(below, "order.paid");
    const events = await insertEvents(database.pool, "order.paid", 3);
    await above.query("begin");
    const open = await insertEvent(above, "order.paid");
    events.push(...(await insertEvents(database.pool, "order.paid", 4)));
    const first = await claimEvents(database.pool, { events: 2 });
    assert.equal(first.outcome, "aside");
    await below.query("commit");
    await above.query("commit");
    // The window was fixed by its first page: what committed later waits for the next one, in the order of its ids.
    const claimed = [...first.pairs, ...(await claimAll(database.pool, { events: 2 }))];
    const windows = eventsOf(claimed).filter((event) => !events.slice(0, 3).includes(event));
    assert.deepEqual(
      windows.filter((event) => !events.includes(event)),
      [straggler, open],
    );
    assert.deepEqual(eventsOf(claimed).toSorted(), [...events, straggler, open].toSorted());
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("with a straggler whose events are more than a page", async (t) => {
    const [early, late] = await sessions(t, 2);
    await early.query("begin");
    const first = await insertEvents(early, "order.paid", 5);
    await late.query("begin");
    const second = await insertEvents(late, "order.paid", 5);
    const between = await insertEvents(database.pool, "order.paid", 1);
    assert.deepEqual(eventsOf(await claimAll(database.pool)), between);
    await late.query("commit");
    await early.query("commit");
    const after = await insertEvents(database.pool, "order.paid", 2);
    const claimed = eventsOf(await claimAll(database.pool, { events: 2 }));
    assert.deepEqual(claimed.toSorted(), [...first, ...second, ...after].toSorted());
    for (const events of [first, second, after]) {
      assert.deepEqual(
        claimed.filter((event) => events.includes(event)),
        events,
      );
    }
  });

  for (const events of [2, 3, 4, 6, 7, 100]) {
    test(`in pages of ${events}, in the order of transactions and of insertion`, async () => {
      const inserted: string[] = [];
      for (const count of [1, 3, 2]) inserted.push(...(await insertEvents(database.pool, "order.paid", count)));
      const sizes: number[] = [];
      const claimed: string[] = [];
      for (;;) {
        const page = await claimEvents(database.pool, { events });
        if (page.outcome === "empty") break;
        assert.equal(page.eventCount, page.pairs.length);
        assert.equal(page.outcome, page.eventCount < events ? "complete" : "page");
        sizes.push(page.eventCount);
        claimed.push(...eventsOf(page.pairs));
      }
      assert.deepEqual(claimed, inserted);
      assert.ok(sizes.slice(0, -1).every((size) => size === events));
    });
  }

  test("if the last page is exactly full, and the next claim finds what comes after it", async () => {
    const inserted = await insertEvents(database.pool, "order.paid", 4);
    assert.deepEqual(eventsOf((await claimEvents(database.pool, { events: 2 })).pairs), inserted.slice(0, 2));
    assert.deepEqual(eventsOf((await claimEvents(database.pool, { events: 2 })).pairs), inserted.slice(2));
    const event = await insertEvent(database.pool, "order.paid");
    const next = await claimEvents(database.pool, { events: 2 });
    assert.equal(next.outcome, "complete");
    assert.deepEqual(eventsOf(next.pairs), [event]);
  });

  test("of the transaction ids on either side of the cursor's xmax", async (t) => {
    const [session, next] = await sessions(t, 2);
    await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    let first = "";
    let second = "";
    // Ids belong to the whole server: another database may take one in between, and then this is repeated.
    await eventually("two transactions in a row whose ids are xmax and xmax + 1", async () => {
      await session.query("rollback; begin");
      await next.query("rollback; begin");
      const xmax = BigInt(String(await askFor(session, "select pg_snapshot_xmax(pg_current_snapshot())::text")));
      first = await insertEvent(session, "order.paid");
      second = await insertEvent(next, "order.paid");
      const ids = [await askFor(session, XID), await askFor(next, XID)].map((id) => BigInt(String(id)));
      return ids[0] === xmax && ids[1] === xmax + 1n;
    });
    await next.query("commit");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), [second]);
    await session.query("commit");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), [first]);
    assert.deepEqual(await claimAll(database.pool), []);
  });

  test("although events that no endpoint wants fill whole pages", async () => {
    await insertEvents(database.pool, "postrider.own", 5);
    const event = await insertEvent(database.pool, "order.paid");
    assert.deepEqual(eventsOf(await claimAll(database.pool, { events: 2 })), [event]);
  });
});

describe("a transaction with more events than a page", () => {
  test("does not hold up what was committed after it, and is claimed in order", async () => {
    const large = await insertEvents(database.pool, "order.paid", 95);
    const small = await insertEvents(database.pool, "order.paid", 2);
    const first = await claimEvents(database.pool, { events: 10 });
    assert.deepEqual([first.outcome, first.eventCount], ["aside", 10]);
    assert.deepEqual(
      small.filter((event) => !eventsOf(first.pairs).includes(event)),
      [],
    );
    const next = await insertEvents(database.pool, "order.paid", 1);
    const second = await claimEvents(database.pool, { events: 10 });
    assert.ok(eventsOf(second.pairs).includes(String(next)));
    const claimed = [...first.pairs, ...second.pairs, ...(await claimAll(database.pool, { events: 10 }))];
    const others = [...small, ...next];
    assert.deepEqual(
      eventsOf(claimed).filter((event) => !others.includes(event)),
      large,
    );
    assert.equal(claimed.length, large.length + others.length);
    assert.equal(await askFor(database.pool, "select aside_xids from postrider.claim order by id desc limit 1"), null);
  });

  test("gets the whole page if nothing else is new, and half of it otherwise", async () => {
    await insertEvents(database.pool, "large", 60);
    assert.deepEqual(await sizesOf({ events: 10 }), { large: 10 });
    for (let count = 0; count < 6; count++) await insertEvents(database.pool, "order.paid", 5);
    assert.deepEqual(await sizesOf({ events: 10 }), { large: 5, "order.paid": 5 });
    assert.deepEqual(await sizesOf({ events: 10 }), { large: 5, "order.paid": 5 });
  });

  test("takes turns with other ones", async () => {
    for (const type of ["a", "b", "c"]) await insertEvents(database.pool, type, 40);
    await insertEvent(database.pool, "order.paid");
    assert.deepEqual(await sizesOf({ events: 10 }), { a: 3, b: 3, c: 3, "order.paid": 1 });
    // A page of one event has room for one transaction at a time.
    const types: string[] = [];
    for (let count = 0; count < 6; count++) types.push(...Object.keys(await sizesOf({ events: 1 })));
    assert.deepEqual(types, ["a", "b", "c", "a", "b", "c"]);
  });

  test("waits aside while the daemon has room for none of it, and new events are claimed meanwhile", async () => {
    await insertEvents(database.pool, "large", 30);
    await insertEvents(database.pool, "order.paid", 3);
    const without = { events: 10, asideEvents: 0 };
    assert.deepEqual(await sizesOf(without), { "order.paid": 3 });
    // A claim that took long to look moves the cursor; on a busy machine the first few may take long.
    await eventually("a claim that had no room for the rest, and wrote nothing", async () => {
      const before = await askFor(database.pool, "select max(id) from postrider.claim");
      assert.equal((await claimEvents(database.pool, without)).outcome, "aside");
      return (await askFor(database.pool, "select max(id) from postrider.claim")) === before;
    });
    const event = await insertEvent(database.pool, "order.paid");
    assert.deepEqual(eventsOf((await claimEvents(database.pool, without)).pairs), [event]);
    assert.deepEqual(await sizesOf({ events: 10, asideEvents: 4 }), { large: 4 });
    assert.equal((await claimAll(database.pool)).length, 26);
  });

  test("counts as unclaimed, and keeps its partition, until it is read to the end", async () => {
    const standing = async () => {
      // What is in hand keeps the partition, too.
      await database.pool.query("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
      return await rowsOf(
        database.pool,
        `select u.unclaimed::int, postrider_internal.is_needed('00000000-0000-0000-0000-000000000000',
                                                               'ffffffff-ffff-ffff-ffff-ffffffffffff') as needed
         from postrider_internal.count_unclaimed(1000) u`,
      );
    };
    await insertEvents(database.pool, "order.paid", 30);
    await claimEvents(database.pool, { events: 10 });
    assert.deepEqual(await standing(), [{ unclaimed: 20, needed: true }]);
    await claimAll(database.pool);
    assert.deepEqual(await standing(), [{ unclaimed: 0, needed: false }]);
  });

  test("is read in order if a hundred are aside already", async () => {
    const inserted: string[] = [];
    for (let count = 0; count < 130; count++) inserted.push(...(await insertEvents(database.pool, "order.paid", 3)));
    const claimed: string[] = [];
    for (let most = 0; ; ) {
      const { outcome, pairs } = await claimEvents(database.pool, { events: 2 });
      claimed.push(...eventsOf(pairs));
      const aside = "select coalesce(cardinality(aside_xids), 0) from postrider.claim order by id desc limit 1";
      most = Math.max(most, Number(await askFor(database.pool, aside)));
      if (outcome === "empty") {
        assert.equal(most, 100);
        break;
      }
    }
    assert.deepEqual(claimed.toSorted(), inserted.toSorted());
  });

  test("may be rolled back, or end with its last page, like any other", async (t) => {
    const [session] = await sessions(t, 1);
    await session.query("begin");
    await insertEvents(session, "order.paid", 20);
    await session.query("rollback");
    const events = await insertEvents(database.pool, "order.paid", 20);
    const outcomes: string[] = [];
    const claimed: string[] = [];
    for (let count = 0; count < 4; count++) {
      const { outcome, pairs } = await claimEvents(database.pool, { events: 5 });
      outcomes.push(outcome);
      claimed.push(...eventsOf(pairs));
    }
    assert.deepEqual(outcomes, ["aside", "aside", "aside", "complete"]);
    assert.deepEqual(claimed, events);
    assert.equal((await claimEvents(database.pool)).outcome, "empty");
  });
});

/** How many events of each type a claim brought. */
async function sizesOf(options: ClaimOptions): Promise<Record<string, number>> {
  const { pairs } = await claimEvents(database.pool, options);
  const sizes: Record<string, number> = {};
  for (const { eventType } of pairs) sizes[eventType] = (sizes[eventType] ?? 0) + 1;
  return sizes;
}

describe("a claim is refused", () => {
  for (const level of ["repeatable read", "serializable"]) {
    test(`under ${level}, because it would not see the claim that it continues`, async (t) => {
      const [session] = await sessions(t, 1);
      await session.query(`begin isolation level ${level}`);
      await assert.rejects(claimEvents(session), {
        code: "25000",
        message: `cannot claim events: the transaction is ${level}`,
      });
    });
  }

  for (const [name, cursor] of [
    ["at rest", "(base) values ('999999999:999999999:')"],
    ["inside a window", "(base, target, after_xid, after_seq) values ('1:1:', '999999999:999999999:', '5', 1)"],
  ] as const) {
    test(`under a cursor of another server, ${name}: a database that was restored or copied`, async (t) => {
      const [session] = await sessions(t, 1);
      // It knows its place, and no longer looks for a copy.
      for (let count = 0; count < 2; count++) await claimEvents(session);
      await insertEvent(session, "order.paid");
      await unguarded(session, `delete from postrider.claim; insert into postrider.claim ${cursor}`);
      await assert.rejects(
        claimEvents(session),
        /^error: cannot claim events: the cursor is at transaction 999999999 /,
      );
    });
  }

  test("by a server that takes no writes, even if there is nothing to claim: the events arrive elsewhere", async (t) => {
    const [session] = await sessions(t, 1);
    assert.deepEqual(await claimAll(session), []);
    await session.query("set default_transaction_read_only = on");
    await assert.rejects(claimEvents(session), { code: "25006", message: /takes no writes/ });
  });

  test("in a transaction that has written, because its snapshot leaves its own events out", async (t) => {
    const [session] = await sessions(t, 1);
    await session.query("begin");
    const event = await insertEvent(session, "order.paid");
    await assert.rejects(claimEvents(session), { code: "25000", message: /has written already/ });
    await session.query("rollback");
    assert.deepEqual(await claimAll(database.pool), []);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.outbox where id = $1", [event]), 0);
  });
});

describe("claims of several daemons", () => {
  test("do not wait for each other: the second is told that the claim lock is busy", async (t) => {
    const [session, other] = await sessions(t, 2);
    const event = await insertEvent(database.pool, "order.paid");
    await session.query("begin");
    assert.deepEqual(eventsOf((await claimEvents(session)).pairs), [event]);
    const busy = await claimEvents(other);
    assert.deepEqual([busy.outcome, busy.claim, busy.pairs], ["busy", null, []]);
    await session.query("commit");
    assert.equal((await claimEvents(other)).outcome, "empty");
  });

  test("cannot be held up by a role without a grant", async (t) => {
    const stranger = await createLogin(database);
    t.after(() => stranger.drop());
    for (const role of [stranger.name, ...ROLES.map((name) => `postrider_${name}`)]) {
      for (const mode of LOCK_MODES) {
        const lock = `lock table postrider.claim_lock in ${mode} mode nowait`;
        assert.ok(await isRefused(database.pool, role, lock), `${role}: ${mode}`);
      }
    }
    const session = await openSession(t, stranger.url);
    await session.query("select pg_advisory_lock(1886352244, key) from generate_series(1, 5) key");
    const event = await insertEvent(database.pool, "order.paid");
    assert.deepEqual(eventsOf(await claimAll(database.pool)), [event]);
  });

  test("that are rolled back leave their events to the next", async (t) => {
    const [session, other] = await sessions(t, 2);
    const event = await insertEvent(database.pool, "order.paid");
    await session.query("begin");
    assert.deepEqual(eventsOf((await claimEvents(session)).pairs), [event]);
    await session.query("rollback");
    assert.deepEqual(eventsOf((await claimEvents(other)).pairs), [event]);
  });

  test("that run at once, beside writers, divide all events among them", async (t) => {
    const claimers = await sessions(t, 3);
    const writers = await sessions(t, 4);
    const inserted: string[] = [];
    const claimed: string[] = [];
    let isWriting = true;
    const claiming = claimers.map(async (session) => {
      for (;;) {
        const wasWriting = isWriting;
        const page = await claimEvents(session, { events: 7 });
        claimed.push(...eventsOf(page.pairs));
        if (!wasWriting && page.outcome === "empty") return;
      }
    });
    await Promise.all(
      writers.map(async (session, index) => {
        for (let count = 0; count < 40; count++) {
          await session.query("begin");
          const events = await insertEvents(session, "order.paid", 1 + ((index + count) % 3));
          const isKept = (index * 7 + count) % 5 !== 0;
          await session.query(isKept ? "commit" : "rollback");
          if (isKept) inserted.push(...events);
        }
      }),
    );
    isWriting = false;
    await Promise.all(claiming);
    claimed.push(...eventsOf(await claimAll(database.pool)));
    assert.deepEqual(claimed.toSorted(), inserted.toSorted());
  });
});

describe("a claim costs what it finds", () => {
  test("and reads no row of a transaction that is still open, once the cursor has passed it", async (t) => {
    const [bulk, claimer] = await sessions(t, 2);
    await bulk.query("begin");
    await bulk.query(
      "insert into postrider.outbox (event_type, payload) select 'order.paid', '{}' from generate_series(1, 20000)",
    );
    // The first claim after it meets its rows, and moves the cursor past them.
    await insertEvent(database.pool, "order.paid");
    assert.equal((await claimAll(claimer)).length, 1);
    for (let count = 0; count < 3; count++) {
      const event = await insertEvent(database.pool, "order.paid");
      const { result, entriesRead } = await withEntriesRead(claimer, () => claimEvents(claimer));
      assert.deepEqual(eventsOf(result.pairs), [event]);
      assert.ok(entriesRead <= 10, `${entriesRead} entries of the index were read for one event`);
    }
    await bulk.query("rollback");
    const { entriesRead } = await withEntriesRead(claimer, () => claimEvents(claimer));
    assert.ok(entriesRead <= 20_010);
  });

  test("whatever the depth of the backlog", async (t) => {
    const [claimer] = await sessions(t, 1);
    await database.pool.query(
      "insert into postrider.outbox (event_type, payload) select 'order.paid', '{}' from generate_series(1, 20000)",
    );
    // Rows that earlier tests deleted are still in the index; a claim usually removes them, but not while a page is written.
    await database.pool.query("vacuum postrider.outbox");
    for (let count = 0; count < 5; count++) {
      const { result, entriesRead } = await withEntriesRead(claimer, () => claimEvents(claimer, { events: 10 }));
      assert.equal(result.eventCount, 10);
      // Each partition gives at most one entry more than a page needs.
      assert.ok(entriesRead <= 60, `${entriesRead} entries of the index were read for a page of ten`);
    }
  });

  test("and writes nothing if nothing is new: no row, and no transaction id", async (t) => {
    const [claimer] = await sessions(t, 1);
    await insertEvent(database.pool, "order.paid");
    await claimAll(claimer);
    // A claim that took long to look moves the cursor; on a busy machine the first few may take long.
    await eventually("an idle claim that found nothing to save", () =>
      inTransaction(claimer, async () => {
        const before = await askFor(claimer, "select max(id) from postrider.claim");
        const result = await claimEvents(claimer);
        assert.equal(result.outcome, "empty");
        const after = await askFor(claimer, "select max(id) from postrider.claim");
        const xid = await askFor(claimer, "select pg_current_xact_id_if_assigned()");
        assert.equal(result.claim === null, xid === null);
        assert.equal(result.claim === null, before === after);
        return result.claim === null;
      }),
    );
  });

  test("and only the newest row stays if no daemon has pairs in hand", async () => {
    for (let count = 0; count < 5; count++) {
      await insertEvent(database.pool, "postrider.own");
      assert.equal((await claimEvents(database.pool)).outcome, "complete");
    }
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.claim"), 1);
  });
});

test("the first row of a claim names each endpoint with its revision, and a payload beyond the limit stays behind", async () => {
  const endpoint = await createEndpoint(database.pool, ["big.*"]);
  await database.pool.query("update postrider.endpoint set timeout_ms = 5000 where id = $1", [endpoint]);
  const revision = String(
    await askFor(database.pool, "select revision from postrider.endpoint where id = $1", [endpoint]),
  );
  await database.pool.query("delete from postrider.subscription where event_type = '*'");
  const small = await insertEvent(database.pool, "big.small", { payload: '{"n": 1.50}' });
  const large = await insertEvent(database.pool, "big.large", { payload: JSON.stringify("é".repeat(50)) });
  const { pairs, revisions } = await claimEvents(database.pool, { payloadBytes: 100 });
  assert.deepEqual([...revisions], [[endpoint, revision]]);
  assert.deepEqual(
    pairs.map(({ event, payload, eventType }) => [event, payload, eventType]),
    [
      [small, '{"n": 1.50}', "big.small"],
      [large, null, "big.large"],
    ],
  );
});

type Clients<Count extends number> = Count extends 1
  ? [pg.Client]
  : Count extends 2
    ? [pg.Client, pg.Client]
    : [pg.Client, pg.Client, pg.Client, ...pg.Client[]];

async function sessions<Count extends 1 | 2 | 3 | 4>(t: TestContext, count: Count): Promise<Clients<Count>> {
  const opened: pg.Client[] = [];
  for (let index = 0; index < count; index++) opened.push(await openSession(t, database.url));
  return opened as Clients<Count>;
}

/** How many entries of the outbox's (xid, seq) indexes the session reads meanwhile, visible or not. */
async function withEntriesRead<Result>(
  session: pg.Client,
  use: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly entriesRead: number }> {
  return inTransaction(session, async () => {
    const before = await entriesReadBy(session);
    const result = await use();
    return { result, entriesRead: (await entriesReadBy(session)) - before };
  });
}

async function entriesReadBy(session: pg.Client): Promise<number> {
  const count = await askFor(
    session,
    `select sum(pg_stat_get_xact_tuples_returned(t.relid))::int
     from pg_partition_tree('postrider.outbox_window') t where t.isleaf`,
  );
  return Number(count);
}

test("however an event is claimed, the daemon learns its ordering key, its traceparent and its attributes", async (t) => {
  const [straggler] = await sessions(t, 1);
  const insert = (session: Session, name: string, count: number) =>
    session.query(
      `insert into postrider.outbox (event_type, payload, ordering_key, attributes)
       select $1 || '.' || n, '{}', $1 || n, jsonb_build_object('traceparent', 'trace of ' || $1 || n) from generate_series(1, $2::integer) n`,
      [name, count],
    );
  const daemon = randomUUID();
  await straggler.query("begin");
  await insert(straggler, "straggler", 1);
  await insert(database.pool, "window", 1);
  const claimed = [...(await claimAll(database.pool, { daemon }))];
  await straggler.query("commit");
  await insert(database.pool, "aside", 25);
  claimed.push(...(await claimAll(database.pool, { daemon, events: 10 })));
  assert.equal(claimed.length, 27);
  await insertEvent(database.pool, "plain");
  const [plain] = await claimAll(database.pool, { daemon });
  assert.equal(plain?.context, null);

  const known = [String(plain?.claim)];
  for (let taken = await takeOverClaim(database.pool, daemon, known); taken !== null; ) {
    claimed.push(...taken.pairs);
    known.push(taken.claim);
    taken = await takeOverClaim(database.pool, daemon, known);
  }
  assert.equal(claimed.length, 54);
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select unnest($1::uuid[]), unnest($2::uuid[]), 'pending', now()`,
    [eventsOf(claimed.slice(0, 27)), claimed.slice(0, 27).map(({ endpoint }) => endpoint)],
  );
  const { leased } = await walk(database.pool, { share: 100 });
  assert.equal(leased.length, 27);
  for (const { eventType, context } of [...claimed, ...leased]) {
    const name = eventType?.replace(".", "");
    const traceparent = `trace of ${name}`;
    const attributes = `{"traceparent": "${traceparent}"}`;
    assert.deepEqual(context, { ordering_key: name, traceparent, attributes });
  }
});
