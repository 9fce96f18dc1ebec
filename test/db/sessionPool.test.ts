import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { connectionConfig, type Purpose } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { SessionPool, type SessionPoolOptions } from "../../src/db/sessionPool.ts";
import { useDatabase } from "../support/database.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { until } from "../support/until.ts";

const database = useDatabase({ template: "empty" });
let login: Login;

describe("a pool of sessions", () => {
  before(async () => {
    login = await createLogin(database);
  });
  after(() => login.drop());

  test("one session does the work of every purpose, with the deadlines of each", async (t) => {
    const pool = poolOf(t, { max: 1 });
    const seen: unknown[] = [];
    for (const purpose of ["pipeline", "claim", "maintain", "claim"] as const) {
      seen.push(await settingsIn(pool, purpose));
    }
    assert.deepEqual(seen, [
      { name: "postrider-test/pipeline", statement: "10s" },
      { name: "postrider-test/claim", statement: "2s" },
      { name: "postrider-test/maintain", statement: "5min" },
      { name: "postrider-test/claim", statement: "2s" },
    ]);
    assert.equal(pool.count, 1);
  });

  test("a session that was used for the purpose is preferred", async (t) => {
    const pool = poolOf(t, { max: 3 });
    const [claim, pipeline] = await Promise.all([pool.lend("claim"), pool.lend("pipeline")]);
    pool.giveBack(claim, true);
    pool.giveBack(pipeline, true);
    const again = await pool.lend("claim");
    assert.equal(again, claim);
    pool.giveBack(again, true);
  });

  test("maintenance waits for the others", async (t) => {
    const pool = poolOf(t, { max: 1 });
    const order: Purpose[] = [];
    const first = await pool.lend("pipeline");
    const others = (["maintain", "claim", "pipeline"] as const).map(async (purpose) => {
      const session = await pool.lend(purpose);
      order.push(purpose);
      pool.giveBack(session, true);
    });
    pool.giveBack(first, true);
    await Promise.all(others);
    assert.deepEqual(order, ["claim", "pipeline", "maintain"]);
  });

  test("maintenance that has waited for some seconds has its turn like the others", async (t) => {
    const pool = poolOf(t, { max: 1 });
    const clock = mockClock(t);
    const order: Purpose[] = [];
    const lendAndGiveBack = async (purpose: Purpose) => {
      const session = await pool.lend(purpose);
      order.push(purpose);
      pool.giveBack(session, true);
    };
    const first = await pool.lend("pipeline");
    const maintaining = lendAndGiveBack("maintain");
    clock.advance(6_000);
    const others = [lendAndGiveBack("claim"), lendAndGiveBack("pipeline")];
    pool.giveBack(first, true);
    await Promise.all([maintaining, ...others]);
    assert.deepEqual(order, ["maintain", "claim", "pipeline"]);
  });

  test("the only session that is granted is not given to maintenance for minutes", async (t) => {
    await limitTo(t, 1);
    const pool = poolOf(t, { max: 4 });
    const only = await pool.lend("pipeline");
    const maintaining = pool.lend("maintain");
    await until("it is refused", () => pool.count === 1);
    pool.giveBack(only, true);
    const session = await maintaining;
    assert.equal(session, only);
    assert.equal(session.purpose, "pipeline");
    pool.giveBack(session, true);
  });

  test("in whatever session a transaction runs, its answers are waited for as its purpose allows", async (t) => {
    const pool = poolOf(t, { max: 1 });
    const maintaining = await pool.lend("maintain");
    pool.giveBack(maintaining, true);
    const sent = t.mock.method(maintaining.client, "query");
    await new Database({ sessions: pool, purpose: "pipeline" }).transaction((transaction) =>
      transaction.query("select 1"),
    );
    const timeouts = sent.mock.calls.map(({ arguments: [config] }) => Object(config).query_timeout);
    assert.deepEqual(timeouts, [15_000, 15_000, 15_000, 15_000]);
  });

  test("what is refused waits for the sessions that were granted", async (t) => {
    await limitTo(t, 2);
    const told: unknown[] = [];
    const pool = poolOf(t, { max: 4, onGranted: (sessions, refusal) => told.push([sessions, refusal]) });
    const one = await pool.lend("pipeline");
    const other = await pool.lend("pipeline");
    const third = pool.lend("claim");
    await until("it is refused", () => told.length > 0);
    pool.giveBack(other, true);
    assert.equal(await third, other);
    assert.deepEqual(told, [[2, `too many connections for role "${login.name}"`]]);
    pool.giveBack(one, true);
    pool.giveBack(other, true);
  });

  test("sessions that are refused at once are asked for again after one pause", async (t) => {
    await limitTo(t, 1);
    t.mock.method(Math, "random", () => 0.5);
    const clock = mockClock(t);
    const pool = poolOf(t, { max: 4 });
    const one = await pool.lend("pipeline");
    const refused = (["claim", "pipeline", "pipeline"] as const).map(async (purpose) => {
      pool.giveBack(await pool.lend(purpose), true);
    });
    await until("all three are refused", () => pool.count === 1);
    pool.giveBack(one, true);
    await Promise.all(refused);
    await limitTo(t, 4);
    clock.advance(10_001);
    const lent = await Promise.all([pool.lend("claim"), pool.lend("pipeline")]);
    assert.equal(pool.count, 2);
    for (const session of lent) {
      pool.giveBack(session, true);
    }
  });

  test("if none is granted, the error is the server's", async (t) => {
    await limitTo(t, 0);
    const pool = poolOf(t, { max: 4 });
    const refused = await Promise.allSettled([pool.lend("claim"), pool.lend("pipeline"), pool.lend("maintain")]);
    for (const { status } of refused) {
      assert.equal(status, "rejected");
    }
    assert.equal(pool.count, 0);
  });

  test("it gives up one session for what needs a connection more", async (t) => {
    const told: unknown[] = [];
    const pool = poolOf(t, { max: 4, onGranted: (sessions) => told.push(sessions) });
    const lent = await Promise.all([pool.lend("claim"), pool.lend("pipeline"), pool.lend("pipeline")]);
    pool.yieldOne(new Error('too many connections for role "x"'));
    assert.deepEqual(told, [2]);
    assert.equal(pool.count, 3);
    for (const session of lent) {
      pool.giveBack(session, true);
    }
    await until("one is closed", () => pool.count === 2, 5_000);
    pool.yieldOne(new Error("something else"));
    assert.equal(pool.count, 2);
  });

  test("its end waits for what is lent, and refuses what comes later", async (t) => {
    const pool = poolOf(t, { max: 1 });
    const session = await pool.lend("claim");
    const waiting = assert.rejects(pool.lend("claim"), /Connection terminated/);
    let hasEnded = false;
    const end = pool.end().then(() => {
      hasEnded = true;
    });
    await waiting;
    assert.equal(hasEnded, false);
    pool.giveBack(session, true);
    await end;
    await assert.rejects(pool.lend("claim"), /Connection terminated/);
  });
});

function poolOf(t: TestContext, options: Omit<SessionPoolOptions, "config">): SessionPool {
  const config = connectionConfig({ databaseUrl: login.url, applicationName: "postrider-test" });
  const pool = new SessionPool({ config, ...options });
  t.after(() => pool.end());
  return pool;
}

/** The pool's clock. Timers run as ever. */
function mockClock(t: TestContext): { advance(ms: number): void } {
  let aheadMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + aheadMs);
  return {
    advance(ms) {
      aheadMs += ms;
    },
  };
}

async function settingsIn(pool: SessionPool, purpose: Purpose): Promise<unknown> {
  const session = await pool.lend(purpose);
  const { rows } = await session.client.query(
    "select current_setting('application_name') as name, current_setting('statement_timeout') as statement",
  );
  pool.giveBack(session, true);
  return rows[0];
}

async function limitTo(t: TestContext, connections: number): Promise<void> {
  await database.pool.query(`alter role ${login.name} connection limit ${connections}`);
  t.after(() => database.pool.query(`alter role ${login.name} connection limit -1`));
}
