/** What a crash of Postgres takes back, of what was committed and not flushed, and how that is known afterwards. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import type pg from "pg";
import { installSchema } from "../support/database.ts";
import {
  askFor,
  beat,
  claimAll,
  claimEvents,
  createEndpoint,
  eventsOf,
  insertEvents,
  openSession,
  recordAll,
  resultOf,
} from "../support/engine.ts";
import { OwnServer } from "../support/ownServer.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { until } from "../support/until.ts";

const BACK_MS = 60_000;

let directory: string;
let own: OwnServer;

before(async () => {
  directory = await makeServerDirectory("epoch");
  // Only the server crashes here, not the machine. A long delay makes a crash lose what was committed asynchronously.
  own = await OwnServer.start({ directory, settings: { fsync: "off", wal_writer_delay: "10s" } });
  await installSchema(own.url);
});
after(async () => {
  await own?.close();
  await rm(directory, { recursive: true, force: true });
});

async function epoch(): Promise<string> {
  return (await recordAll(own.control, randomUUID(), { first: [] })).epoch;
}

/** Kills one backend, whereupon the postmaster ends all others and recovers, without a restart of its own. */
async function killBackend(): Promise<void> {
  const pid = Number(await askFor(own.control, "select pg_backend_pid()"));
  process.kill(pid, "SIGKILL");
  await until("the server is back", canAsk, BACK_MS);
}

async function canAsk(): Promise<boolean> {
  return (await own.control.query("select").catch(() => null)) !== null;
}

test("a clean restart does not end an epoch", async () => {
  const before = await epoch();
  await own.stop("fast");
  await own.startAgain();
  await until("the server is back", canAsk, BACK_MS);
  assert.equal(await epoch(), before);
});

test("a crash of the server and one of a single backend each end an epoch", async () => {
  const first = await epoch();
  await own.stop("immediate");
  await own.startAgain();
  await until("the server is back", canAsk, BACK_MS);
  const second = await epoch();
  await killBackend();
  assert.equal(new Set([first, second, await epoch()]).size, 3);
});

test("what a crash takes back stays claimed, although the daemon knows that it was recorded", async () => {
  const daemon = randomUUID();
  await beat(own.control, daemon);
  await createEndpoint(own.control, ["order.*"]);
  await insertEvents(own.control, "order.paid", 4);
  const { claim, pairs } = await claimEvents(own.control, { daemon });
  const [last, ...first] = pairs.map((pair) => resultOf(pair));
  assert.ok(last !== undefined && first.length === 3);
  const recorded = await recordAll(own.control, daemon, { first });
  await killBackend();
  assert.equal(await askFor(own.control, "select count(*)::integer from postrider.delivery"), 0, "they were lost");
  await insertEvents(own.control, "order.paid", 1);
  await claimEvents(own.control);
  const rest = { first: [last], finished: [String(claim)], epochs: [recorded.epoch] };
  assert.deepEqual((await recordAll(own.control, daemon, rest)).kept_claims, []);
  assert.equal(
    await askFor(own.control, "select cardinality(event_ids) from postrider.claim where id = $1", [claim]),
    4,
  );
});

describe("a claim is flushed", () => {
  beforeEach(async () => {
    await createEndpoint(own.control, ["order.*"]);
    await claimAll(own.control);
    await keepNumbers();
  });

  for (const [setting, expected] of [
    ["off", "on"],
    ["local", "on"],
    ["on", "on"],
    ["remote_apply", "remote_apply"],
  ] as const) {
    test(`if it has seen a commit that is not, where the session says ${setting}`, async (t) => {
      const session = await openSession(t, own.url);
      await session.query("set synchronous_commit = off");
      await insertEvents(session, "order.paid", 1);
      await session.query(`set synchronous_commit = ${setting}`);
      assert.equal(await commitOfClaim(session), expected);
      assert.equal(await askFor(session, "show synchronous_commit"), setting);
    });
  }

  test("unless all that it has seen is", async (t) => {
    const session = await openSession(t, own.url);
    await insertEvents(session, "order.paid", 1);
    assert.equal(await commitOfClaim(session), "off");
    assert.equal(await askFor(session, "show synchronous_commit"), "on");
  });

  test("if a crash could give its number to another one", async (t) => {
    const session = await openSession(t, own.url);
    await session.query("select setval('postrider.claim_id_seq', nextval('postrider.claim_id_seq'))");
    await insertEvents(session, "order.paid", 1);
    assert.equal(await commitOfClaim(session), "on");
  });

  test("if commits wait for a standby", async (t) => {
    const session = await openSession(t, own.url);
    await insertEvents(session, "order.paid", 1);
    await own.control.query("alter system set synchronous_standby_names = 'nobody'");
    t.after(async () => {
      await own.control.query("alter system reset synchronous_standby_names");
      await own.control.query("select pg_reload_conf()");
    });
    await own.control.query("select pg_reload_conf()");
    await until(
      "the session knows",
      async () => (await askFor(session, "show synchronous_standby_names")) === "nobody",
    );
    assert.equal(await commitOfClaim(session), "on");
  });

  test("if the server does not say where its WAL ends", async (t) => {
    const session = await openSession(t, own.url);
    const source = String(
      await askFor(own.control, "select pg_get_functiondef('postrider_internal.wal_position'::regproc)"),
    );
    t.after(() => own.control.query(source));
    const refused = "raise object_not_in_prerequisite_state";
    await own.control.query(source.replace("return pg_catalog.pg_current_wal_insert_lsn()", refused));
    await insertEvents(session, "order.paid", 1);
    assert.equal(await commitOfClaim(session), "on");
  });
});

/** The next claims take numbers that a crash does not give again: the WAL has them, and is flushed. */
async function keepNumbers(): Promise<void> {
  await until("there are some", async () => {
    await own.control.query("select nextval('postrider.claim_id_seq')");
    return Number(await askFor(own.control, "select log_cnt from postrider.claim_id_seq")) > 10;
  });
}

/** Claims one event, and shows how that is committed; rolls it back. */
async function commitOfClaim(session: pg.Client): Promise<unknown> {
  await session.query("begin");
  const { eventCount } = await claimEvents(session);
  const setting = await askFor(session, "show synchronous_commit");
  await session.query("rollback");
  assert.equal(eventCount, 1);
  return setting;
}

test("what a crash takes back of a claim is claimed again, under another number", async () => {
  await claimAll(own.control);
  await keepNumbers();
  const [event] = await insertEvents(own.control, "order.paid", 1);
  const before = await claimEvents(own.control);
  await killBackend();
  assert.equal(await askFor(own.control, "select count(*)::int from postrider.claim where id = $1", [before.claim]), 0);
  const again = await claimEvents(own.control);
  assert.deepEqual([...new Set(eventsOf([...before.pairs, ...again.pairs]))], [event]);
  assert.ok(BigInt(again.claim ?? 0) > BigInt(before.claim ?? 0));
});

test("a promoted standby begins another epoch", async () => {
  const before = await epoch();
  await own.addStandby();
  await own.stop("immediate");
  own.leadToStandby();
  await own.promote();
  await until("the new primary answers", canAsk, BACK_MS);
  assert.notEqual(await epoch(), before);
});
