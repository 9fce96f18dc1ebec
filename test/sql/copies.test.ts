/**
 * Restored or copied databases, at the level of SQL: where daemons may work, the switch that stops them, and what adopting
 * does with each event. test/e2e/copies.test.ts covers real clusters.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import type pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useTransactionIds } from "../support/copies.ts";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  beat,
  claimAll,
  claimEvents,
  createEndpoint,
  insertEvent,
  insertEvents,
  makePartitions,
  openSession,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type Session,
  takeOverClaim,
  unguarded,
  walk,
} from "../support/engine.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const DAEMON = randomUUID();

beforeEach(async () => {
  const { pool } = database;
  await reset(pool);
  await unguarded(pool, "delete from postrider.sending; insert into postrider.sending default values");
});

const home = (session: Session) =>
  rowsOf(session, "select system_identifier, database_oid from postrider.sending").then(([row]) => row);
const problem = (session: Session) => askFor(session, "select postrider.copy_problem()");
const renew = (session: Session) =>
  session.query(
    "select postrider_internal.beat($1, 'host.test', 42, '0.0.0', 60000, 0, 0, 'well', null, null, is_renewal => true)",
    [DAEMON],
  );
const enter = (session: Session) => beat(session, DAEMON);
const takeOver = (session: Session) => takeOverClaim(session, DAEMON);
const comeFromElsewhere = (session: Session) =>
  session.query("update postrider.sending set system_identifier = system_identifier + 1");

interface Adoption {
  readonly outcome: string;
  readonly problem: string | null;
  readonly events: string;
  readonly unclaimed: string;
  readonly moved: string;
  readonly in_hand: string;
  readonly pending: string;
}

async function adopt(session: Session, dryRun: boolean = false): Promise<Adoption> {
  const [row] = await rowsOf<Adoption & pg.QueryResultRow>(session, "select * from postrider.adopt($1)", [dryRun]);
  if (row === undefined) throw new Error("it answered without a row");
  return row;
}

describe("the home of the daemons", () => {
  test("is recorded by the first heartbeat and not by a migration, so a database made from a template is not a copy", async () => {
    const { pool } = database;
    assert.deepEqual(await home(pool), { system_identifier: null, database_oid: null });
    assert.equal(await problem(pool), null);
    await beat(pool, DAEMON);
    assert.deepEqual(
      await home(pool),
      await rowsOf(
        pool,
        `select system_identifier, (select oid::int from pg_database where datname = current_database()) as database_oid
         from pg_control_system()`,
      ).then(([row]) => row),
    );
    await beat(pool, randomUUID());
    assert.equal(await problem(pool), null);
  });

  for (const [what, change] of [
    ["another cluster", "system_identifier = system_identifier + 1"],
    ["another database of the cluster", "database_oid = 1"],
  ]) {
    test(`in ${what}: every function that daemons call is refused and changes nothing`, async () => {
      const { pool } = database;
      const endpoint = await createEndpoint(pool, ["order.*"]);
      await insertEvent(pool, "order.paid");
      await beat(pool, DAEMON);
      const [pair] = await claimAll(pool, { daemon: DAEMON });
      assert.ok(pair);
      const late = await insertEvent(pool, "order.paid");
      const replay = await askFor(pool, "select replay_id from postrider.replay($1, 'yesterday')", [endpoint]);
      // They are made in a copy, too.
      await makePartitions(pool);
      await pool.query(`update postrider.sending set ${change}`);
      const refusal = {
        code: "PR014",
        message: /^cannot deliver from this database/,
        detail: /daemons have worked in/,
      };
      const refused: readonly (() => Promise<unknown>)[] = [
        () => claimEvents(pool),
        () => walk(pool),
        () => takeOverClaim(pool, randomUUID()),
        () => beat(pool, DAEMON),
        () => beat(pool, randomUUID()),
        () => pool.query("select postrider_internal.prepare_replay($1)", [replay]),
        () => pool.query("select postrider.maintain()"),
      ];
      for (const call of refused) await assert.rejects(call(), refusal);
      const explained = await rowsOf(pool, "select explanation from postrider.explain_event($1)", [late]);
      assert.deepEqual(explained, [
        { explanation: "no daemon has claimed the event yet, because this database is a copy that was not adopted" },
      ]);
      assert.equal(await askFor(pool, "select count(*)::int from postrider.daemon"), 1);
      assert.equal(await askFor(pool, "select count(*)::int from postrider.delivery"), 0);
      // Facts are recorded in whichever database the connection leads to.
      await recordResults(pool, DAEMON, { first: [resultOf(pair)] });
      assert.equal(await askFor(pool, "select count(*)::int from postrider.attempt"), 1);
    });
  }

  test("is not recorded yet, and the outbox has events that this server cannot have written: no daemon starts here", async (t) => {
    const session = await openSession(t, database.url);
    await insertForeign(session, ["1000000000"]);
    await assert.rejects(beat(session, DAEMON), { code: "PR014", detail: /has not reached yet/ });
    assert.equal((await adopt(session)).outcome, "adopted");
    await beat(session, DAEMON);
    assert.equal((await claimEvents(session)).eventCount, 1);
  });

  for (const [where, forget] of [
    ["emptied", "delete from postrider.sending; insert into postrider.sending default values"],
    ["gone", "delete from postrider.sending"],
  ] as const) {
    test(`is unknown because its row is ${where}, and events were claimed: daemons stop, and adopting continues`, async () => {
      const { pool } = database;
      await createEndpoint(pool, ["order.*"]);
      await beat(pool, DAEMON);
      await insertEvent(pool, "order.paid");
      await claimAll(pool, { daemon: DAEMON });
      await unguarded(pool, forget);
      await insertEvent(pool, "order.paid");
      for (const call of [claimEvents, walk, takeOver, enter, renew]) {
        await assert.rejects(call(pool), { code: "PR014", hint: /"postrider adopt"/ });
      }
      assert.match(
        String(await problem(pool)),
        where === "gone" ? /has no row/ : /^events were claimed up to transaction \d+, and .* does not say where$/,
      );
      const { outcome, unclaimed, in_hand } = await adopt(pool);
      assert.deepEqual([outcome, unclaimed, in_hand], ["adopted", "1", "1"]);
      await beat(pool, DAEMON);
      assert.equal(await problem(pool), null);
    });
  }

  test("is recorded by the first function a daemon calls, but not by maintenance", async () => {
    const { pool } = database;
    await pool.query("select postrider.maintain()");
    const unknown = { system_identifier: null, database_oid: null };
    assert.deepEqual(await home(pool), unknown);
    // The claim must be last: after a claim, a missing home is an error.
    for (const call of [renew, enter, walk, takeOver, claimEvents]) {
      await call(pool);
      assert.notDeepEqual(await home(pool), unknown);
      await pool.query("update postrider.sending set system_identifier = null, database_oid = null, home_since = null");
    }
  });

  test("is this database, but events arrive that this server cannot have written: daemons stop, and adopting claims the events", async (t) => {
    const session = await openSession(t, database.url);
    await createEndpoint(session, ["order.*"]);
    await beat(session, DAEMON);
    const [foreign] = await insertForeign(session, ["1000000000"]);
    const later = await openSession(t, database.url);
    await assert.rejects(beat(later, DAEMON), { code: "PR014", detail: /has not reached yet/ });
    assert.equal((await adopt(later)).unclaimed, "1");
    assert.deepEqual(
      (await claimAll(later)).map(({ event }) => event),
      [foreign],
    );
  });

  test("is deleted with the guard, so that a copy with the same oid does not work unadopted; the audit keeps it", async () => {
    const { pool } = database;
    await beat(pool, DAEMON);
    await insertEvent(pool, "order.paid");
    await claimAll(pool, { daemon: DAEMON });
    await comeFromElsewhere(pool);
    await pool.query("delete from postrider.audit");
    await pool.query("update postrider.sending set is_guarded = false");
    await assert.rejects(beat(pool, DAEMON), { code: "PR014", detail: /does not say where/ });
    assert.equal((await adopt(pool)).outcome, "adopted");
    await beat(pool, DAEMON);
    assert.equal((await home(pool))?.system_identifier, null);
    await pool.query("update postrider.sending set database_oid = 1");
    assert.deepEqual(
      await rowsOf(
        pool,
        `select action, before ->> 'is_guarded' as was_guarded, before ->> 'database_oid' is not null as was_known,
           after ->> 'database_oid' as now
         from postrider.audit where action = 'update sending' order by id`,
      ),
      [
        { action: "update sending", was_guarded: "true", was_known: true, now: null },
        { action: "update sending", was_guarded: "false", was_known: true, now: "1" },
      ],
    );
  });

  test("cannot be read without the right on pg_control_system(); the error says so, and the guard can be switched off", async (t) => {
    const { pool } = database;
    const role = `postrider_test_${process.pid}_guard`;
    await pool.query(`
      create role ${role};
      grant usage on schema postrider, postrider_internal to ${role};
      grant select on all tables in schema postrider to ${role};
      grant execute on all functions in schema postrider, postrider_internal to ${role};
      grant create on schema postrider to ${role};
      alter function postrider.copy_problem owner to ${role};
      revoke execute on function pg_control_system() from public`);
    t.after(() =>
      pool.query(`
        grant execute on function pg_control_system() to public;
        alter function postrider.copy_problem owner to current_user;
        drop owned by ${role};
        drop role ${role}`),
    );
    await assert.rejects(beat(pool, DAEMON), {
      code: "PR014",
      message: "cannot tell which cluster this is",
      hint: new RegExp(`^grant execute on function pg_control_system\\(\\) to ${role};`),
    });
    await pool.query("update postrider.sending set is_guarded = false");
    await beat(pool, DAEMON);
    assert.equal((await home(pool))?.system_identifier, null);
    await pool.query("update postrider.sending set database_oid = 1");
    await assert.rejects(beat(pool, DAEMON), { code: "PR014" });
  });
});

describe("with sending switched off", () => {
  test("nothing is claimed, leased or taken over; events are accepted, and work continues once it is on again", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, ["order.*"]);
    // Daemons use this to check what waits in their memory.
    const takers = () => rowsOf(pool, statementText("check_endpoints"), [[endpoint]]).then((rows) => rows.length);
    await createEndpoint(pool, ["order.*"], { state: "paused" });
    await insertEvent(pool, "order.paid");
    await claimAll(pool, { daemon: randomUUID() });
    await pool.query("update postrider.endpoint set state = 'active'");
    await pool.query("update postrider.sending set is_on = false, reason = 'staging'");
    const late = await insertEvent(pool, "order.paid");
    assert.match(
      String(await askFor(pool, "select explanation from postrider.explain_event($1)", [late])),
      /^no daemon has claimed the event yet, because sending was switched off by \S+, .*: staging$/,
    );
    await beat(pool, DAEMON);
    const claim = await claimEvents(pool);
    assert.deepEqual([claim.outcome, claim.claim, claim.pairs], ["off", null, []]);
    assert.deepEqual(await walk(pool), { leased: [], place: null, nextDueMs: null });
    assert.equal(await takeOverClaim(pool, DAEMON), null);
    assert.equal(await takers(), 0);

    await pool.query("update postrider.sending set is_on = true");
    assert.equal(await takers(), 1);
    assert.equal((await takeOverClaim(pool, DAEMON))?.pairs.length, 1);
    assert.equal((await walk(pool)).leased.length, 1);
    assert.deepEqual(new Set((await claimAll(pool)).map(({ event }) => event)), new Set([late]));
  });

  test("the row says who switched it off, when and why, and the audit keeps it", async () => {
    const { pool } = database;
    const row = () =>
      rowsOf(
        pool,
        "select is_on, reason, changed_by = session_user as mine, changed_at > now() - interval '1 min' as now from postrider.sending",
      );
    await pool.query("update postrider.sending set changed_at = '2020-01-01', changed_by = 'nobody'");
    await pool.query("update postrider.sending set is_on = false, reason = 'staging'");
    assert.deepEqual(await row(), [{ is_on: false, reason: "staging", mine: true, now: true }]);
    await pool.query("update postrider.sending set is_on = true");
    assert.deepEqual(await row(), [{ is_on: true, reason: null, mine: true, now: true }]);
    assert.deepEqual(
      await rowsOf(
        pool,
        "select action, before, after from postrider.audit where action = 'update sending' order by at",
      ),
      [
        { action: "update sending", before: sendingRow(true, null), after: sendingRow(false, "staging") },
        { action: "update sending", before: sendingRow(false, "staging"), after: sendingRow(true, null) },
      ],
    );
  });
});

/** The audit's value before any daemon has worked anywhere. */
function sendingRow(is_on: boolean, reason: string | null) {
  return { is_on, reason, is_guarded: true, system_identifier: null, database_oid: null };
}

/** Events as in a copy: with transaction ids of another cluster, and older than the last few seconds. */
async function insertForeign(session: Session, xids: readonly string[]): Promise<string[]> {
  await session.query("set session_replication_role = replica");
  const rows = await rowsOf<{ id: string }>(
    session,
    `insert into postrider.outbox (xid, created_at, event_type, payload)
     select x.xid::xid8, clock_timestamp() - interval '1 hour', 'order.paid', '{}'
     from unnest($1::text[]) with ordinality x (xid, n)
     order by x.n
     returning id`,
    [xids],
  );
  await session.query("set session_replication_role = origin");
  return rows.map(({ id }) => id);
}

/** The cursor that came with the copy. */
async function setForeignCursor(
  session: Session,
  values: string,
  claimedAt = "now() - interval '1 min'",
): Promise<void> {
  await unguarded(session, "delete from postrider.claim");
  await session.query(
    `insert into postrider.claim (xid, claimed_at, base, target, after_xid, after_seq) values ('5', ${claimedAt}, ${values})`,
  );
}

describe("adopting", () => {
  test("does nothing at home", async () => {
    const { pool } = database;
    await insertEvent(pool, "order.paid");
    await beat(pool, DAEMON);
    const before = await rowsOf(pool, "select id, xid, seq from postrider.outbox");
    assert.equal((await adopt(pool)).outcome, "nothing to adopt");
    assert.deepEqual(await rowsOf(pool, "select id, xid, seq from postrider.outbox"), before);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.daemon"), 1);
  });

  for (const [where, offset] of [
    ["ahead of this server's", 1_000_000_000],
    ["behind it", 10],
  ] as const) {
    test(`claims exactly the unclaimed events if the ids of the copy are ${where}`, async (t) => {
      const session = await openSession(t, database.url);
      // Ids closer to the server's own could belong to transactions with savepoints.
      await useTransactionIds(session, 1_100);
      const xid = (n: number) => String(offset + n);
      // The page ended after the first event of transaction 7. Transaction 3 was open, and 9 came after the window.
      const events = await insertForeign(session, [1, 2, 3, 7, 7, 8, 9].map(xid));
      const seqs = await rowsOf<{ seq: string }>(session, "select seq from postrider.outbox order by seq");
      await setForeignCursor(
        session,
        `'${xid(3)}:${xid(6)}:${xid(3)},${xid(4)}', '${xid(3)}:${xid(9)}:${xid(3)}', '${xid(7)}', ${seqs[3]?.seq}`,
      );
      await session.query("select setval(pg_get_serial_sequence('postrider.outbox', 'seq'), 1, false)");
      const own = await insertEvents(session, "order.paid", 2);
      await beat(session, DAEMON).catch(() => {});
      await session.query(`update postrider.sending set database_oid = 1, system_identifier = 1, home_since = now()`);
      const [, , open, , rest, after, last] = events;
      const expected = [open, rest, after, last, ...own];

      const looked = await adopt(session, true);
      assert.deepEqual([looked.outcome, looked.events, looked.unclaimed], ["would be adopted", "9", "6"]);
      assert.equal((await adopt(session, true)).outcome, "would be adopted");
      const { outcome, unclaimed, moved } = await adopt(session);
      assert.deepEqual([outcome, unclaimed, moved], ["adopted", "6", offset > 1_000_000 ? "3" : "0"]);

      await createEndpoint(session, ["order.*"]);
      const claimed = (await claimAll(session, { events: 2 })).map(({ event }) => event);
      assert.deepEqual(claimed, expected, "each once, the older ones first, in pages");
      const [newest] = await insertEvents(session, "order.paid", 1);
      assert.deepEqual(
        (await claimAll(session)).map(({ event }) => event),
        [newest],
      );
      const [ids] = await rowsOf(
        session,
        "select count(*)::int as events, count(distinct seq)::int as seqs, bool_and(pg_visible_in_snapshot(xid, pg_current_snapshot())) as are_past from postrider.outbox",
      );
      assert.deepEqual(ids, { events: 10, seqs: 10, are_past: true });
      assert.equal(
        await askFor(session, "select id from postrider.outbox order by seq desc limit 1"),
        newest,
        "the sequence continues after all existing values",
      );
    });
  }

  test("claims events inserted into the copy, even if a later cursor of the other cluster covers their ids", async (t) => {
    const session = await openSession(t, database.url);
    await useTransactionIds(session, 1_100);
    const [, delivered] = await insertForeign(session, ["20", "2000000000"]);
    await session.query(
      "insert into postrider.delivery (event_id, endpoint_id, state, finished_at) values ($1, gen_random_uuid(), 'succeeded', now())",
      [delivered],
    );
    const plain = await insertEvent(session, "order.paid");
    await session.query("begin; savepoint s");
    const inSavepoint = await insertEvent(session, "order.paid");
    await session.query("commit");
    // Like a claim that arrives by a subscription: made after the inserts, and far ahead.
    await setForeignCursor(session, "'1000000000:1000000000:', null, null, null", "clock_timestamp()");
    const { unclaimed, moved } = await adopt(session);
    assert.deepEqual([unclaimed, moved], ["2", "1"]);
    assert.equal(await problem(session), null);
    await createEndpoint(session, ["order.*"]);
    assert.deepEqual(
      (await claimAll(session)).map(({ event }) => event),
      [plain, inSavepoint],
    );
  });

  test("claims events inserted after the cursor's last claim, even if their rows do not tell which cluster wrote them", async (t) => {
    const [session, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    await setForeignCursor(session, "'1000000000:1000000000:', null, null, null");
    await session.query("begin; select pg_current_xact_id()");
    await useTransactionIds(other, 1_100);
    await session.query("savepoint s");
    const event = await insertEvent(session, "order.paid");
    await session.query("commit");
    assert.equal((await adopt(session)).unclaimed, "1");
    await createEndpoint(session, ["order.*"]);
    assert.deepEqual(
      (await claimAll(session)).map((pair) => pair.event),
      [event],
    );
  });

  test("recognizes the server's own rows: the id must be that of the writing transaction or slightly later", async () => {
    const rows = await rowsOf(
      database.pool,
      `select xid, row_xmin from unnest($1::xid8[], $2::xid[]) r (xid, row_xmin) where postrider_internal.is_own(xid, row_xmin)`,
      [
        ["1000", "4294968296", "1000", "4294967290", "1000", "1000", "3", "3"],
        ["1000", "1000", "1001", "5", "999", "2001", "3", "700"],
      ],
    );
    assert.deepEqual(
      rows.map(({ xid, row_xmin }) => `${xid} by ${row_xmin}`),
      ["1000 by 1000", "4294968296 by 1000", "1000 by 1001", "4294967290 by 5"],
    );
  });

  for (const [cursor, spoil] of [
    ["came with the copy", "update postrider.claim set claimed_at = now() - interval '1 hour'"],
    ["was written here", "update postrider.outbox set created_at = now() + interval '1 hour'"],
  ] as const) {
    test(`repeats no event that has a delivery or is in hand, whatever the clocks say, if the cursor ${cursor}`, async () => {
      const { pool } = database;
      await createEndpoint(pool, ["order.*"]);
      await beat(pool, DAEMON);
      const [done] = await insertEvents(pool, "order.paid", 2);
      // One claim per event, so that the claim of the finished event is deleted.
      const pairs = await claimAll(pool, { daemon: DAEMON, events: 1 });
      const recorded = pairs.filter(({ event }) => event === done);
      await recordResults(pool, DAEMON, {
        first: recorded.map((pair) => resultOf(pair)),
        finished: recorded.map(({ claim }) => claim),
      });
      if (cursor === "was written here") {
        await insertEvent(pool, "nobody.listens");
        assert.deepEqual(await claimAll(pool, { daemon: DAEMON }), []);
      }
      await pool.query(spoil);
      await comeFromElsewhere(pool);
      const { events, unclaimed } = await adopt(pool);
      assert.deepEqual([events, unclaimed], [cursor === "was written here" ? "3" : "2", "0"]);
      await createEndpoint(pool, ["*"]);
      assert.deepEqual(await claimAll(pool), []);
    });
  }

  test("checks before it locks, and locks the row that others may hold before it writes anything", async (t) => {
    const [session, holder] = [await openSession(t, database.url), await openSession(t, database.url)];
    const { pool } = database;
    await beat(pool, DAEMON);
    await insertEvent(pool, "order.paid");
    const pid = await askFor(session, "select pg_backend_pid()");
    const locked = () =>
      askFor(
        pool,
        "select count(*)::int from pg_locks where pid = $1 and relation = 'postrider.claim_lock'::regclass",
        [pid],
      );
    await session.query("begin");
    for (const dryRun of [true, false]) {
      assert.equal((await adopt(session, dryRun)).outcome, "nothing to adopt");
      assert.equal(await locked(), 0);
    }
    await session.query("rollback");
    await comeFromElsewhere(pool);
    await holder.query("begin; update postrider.sending set is_on = false");
    const adopting = adopt(session);
    await until("it has to wait for the row", async () =>
      Boolean(await askFor(pool, "select cardinality(pg_blocking_pids($1)) > 0", [pid])),
    );
    await pool.query("select from postrider.outbox for update nowait");
    await holder.query("commit");
    assert.equal((await adopting).outcome, "adopted");
    assert.equal(await askFor(pool, "select is_on from postrider.sending"), false);
  });

  test("makes inserts check the definitions that came with the copy, although no trigger fired for them", async (t) => {
    const session = await openSession(t, database.url);
    await session.query(`select postrider.define_event_type('order.paid', null, '{"type": "object"}', true)`);
    t.after(() => database.pool.query("select postrider.drop_event_type('order.paid')"));
    await session.query(`
      create or replace function postrider_internal.judged_event_types() returns text[] language sql stable as $$select '{}'::pg_catalog.text[]$$;
      alter table postrider.event_type enable trigger event_type_judged;
      alter table postrider.event_type_policy enable trigger event_type_policy_judged`);
    await beat(session, DAEMON);
    await comeFromElsewhere(session);
    await adopt(session);
    await assert.rejects(session.query("select postrider.publish('order.paid', '7')"), { code: "23514" });
    assert.deepEqual(
      await rowsOf(session, "select tgenabled as state from pg_trigger where tgname ~ '^event_type.*judged$'"),
      [{ state: "A" }, { state: "A" }],
    );
  });

  test("leaves the event of a transaction that is still open to the claims", async (t) => {
    const [session, writer] = [await openSession(t, database.url), await openSession(t, database.url)];
    await createEndpoint(session, ["order.*"]);
    await beat(session, DAEMON);
    await writer.query("begin");
    const open = await insertEvent(writer, "order.paid");
    await comeFromElsewhere(session);
    assert.equal((await adopt(session)).unclaimed, "0");
    assert.deepEqual(await claimAll(session), []);
    await writer.query("commit");
    assert.deepEqual(
      (await claimAll(session)).map(({ event }) => event),
      [open],
    );
  });

  test("also leaves an event that is committed meanwhile to the claims", async (t) => {
    const sessions = [await openSession(t, database.url), await openSession(t, database.url)] as const;
    const [session, holder] = sessions;
    const { pool } = database;
    await createEndpoint(pool, ["order.*"]);
    await beat(pool, DAEMON);
    const waiting = await insertEvent(pool, "order.paid");
    await comeFromElsewhere(pool);
    await holder.query("begin");
    await holder.query("select from postrider.outbox for update");
    const pid = await askFor(session, "select pg_backend_pid()");
    const adopting = adopt(session);
    await until("it has to wait for the row", async () =>
      Boolean(await askFor(pool, "select cardinality(pg_blocking_pids($1)) > 0", [pid])),
    );
    const late = await insertEvent(pool, "order.paid");
    await holder.query("rollback");
    assert.equal((await adopting).unclaimed, "1");
    const claimed = (await claimAll(pool)).map(({ event }) => event);
    assert.deepEqual(claimed.sort(), [waiting, late].sort());
  });

  test("lets work in hand be taken over except for recorded results, and deletes the daemons of the other database", async () => {
    const { pool } = database;
    await createEndpoint(pool, ["order.*"]);
    await beat(pool, DAEMON);
    const [done, inHand] = await insertEvents(pool, "order.paid", 2);
    const pairs = await claimAll(pool, { daemon: DAEMON });
    await recordResults(pool, DAEMON, {
      first: pairs.filter(({ event }) => event === done).map((pair) => resultOf(pair)),
    });
    await comeFromElsewhere(pool);
    const { in_hand, unclaimed, pending } = await adopt(pool);
    assert.deepEqual([in_hand, unclaimed, pending], ["1", "0", "0"]);
    await beat(pool, randomUUID());
    assert.deepEqual(
      (await takeOverClaim(pool, randomUUID()))?.pairs.map(({ event }) => event),
      [inHand],
    );
    assert.deepEqual(await claimAll(pool), []);
    const [noted] = await rowsOf(
      pool,
      "select action, detail ->> 'in_hand' as in_hand from postrider.audit where action = 'adopt'",
    );
    assert.deepEqual(noted, { action: "adopt", in_hand: "1" });
  });

  test("a copy with its own receivers sends nothing to those it came with", async () => {
    const { pool } = database;
    for (const state of ["active", "paused"] as const) await createEndpoint(pool, ["order.*"], { state });
    await beat(pool, DAEMON);
    await insertEvent(pool, "order.paid");
    await claimAll(pool, { daemon: DAEMON });
    await insertEvent(pool, "order.paid");
    await comeFromElsewhere(pool);
    await pool.query("update postrider.sending set is_on = false, reason = 'being made ready'");
    await pool.query("select postrider.disable_endpoint(id, 'production''s') from postrider.endpoint");
    assert.equal((await adopt(pool)).outcome, "adopted");
    await pool.query("update postrider.sending set is_on = true");
    assert.equal(await takeOverClaim(pool, DAEMON), null);
    assert.deepEqual(await claimAll(pool), []);
    assert.deepEqual((await walk(pool)).leased, []);
    await createEndpoint(pool, ["order.*"]);
    const own = await insertEvent(pool, "order.paid");
    assert.deepEqual(
      (await claimAll(pool)).map(({ event }) => event),
      [own],
    );
    assert.deepEqual(await rowsOf(pool, "select distinct state from postrider.delivery"), [{ state: "discarded" }]);
  });

  test("lets claims continue although their sequence was reset to its beginning", async () => {
    const { pool } = database;
    await createEndpoint(pool, ["order.*"]);
    await beat(pool, DAEMON);
    await insertEvents(pool, "order.paid", 3);
    await claimAll(pool, { daemon: DAEMON, events: 1 });
    const newest = Number(await askFor(pool, "select max(id) from postrider.claim"));
    await pool.query("select setval(pg_get_serial_sequence('postrider.claim', 'id'), 1, false)");
    await comeFromElsewhere(pool);
    await adopt(pool);
    await insertEvent(pool, "order.paid");
    const { claim } = await claimEvents(pool);
    assert.ok(Number(claim) > newest + 1, `claim ${claim}`);
  });

  test("is refused with the reason if the result could be wrong", async (t) => {
    const session = await openSession(t, database.url);
    await beat(session, DAEMON);
    await insertEvent(session, "order.paid");
    await comeFromElsewhere(session);
    await session.query("begin");
    await insertEvent(session, "order.paid");
    await assert.rejects(adopt(session), { code: "25000", message: /has written already/ });
    await session.query("rollback");
    await session.query("update postrider.claim set claimed_at = now() + interval '1 hour'");
    await assert.rejects(adopt(session), {
      code: "55000",
      message: /this server's clock is behind that/,
      hint: "Set the clock.",
    });
    await unguarded(session, "delete from postrider.claim");
    await assert.rejects(adopt(session), { code: "55000", message: /the cursor is gone/ });
    assert.notEqual(await problem(session), null);
  });
});
