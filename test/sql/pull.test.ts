/** Pull endpoints: places, cursors, acknowledging, and that nothing is lost whatever happens between two pages. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  createEndpoint,
  deliveries,
  IN_A_WEEK,
  insertEvent,
  insertEvents,
  openSession,
  pidOf,
  reset,
  rowsOf,
  waitsForLock,
  walk,
} from "../support/engine.ts";
import { createPullEndpoint, fetchAll, fetchPage } from "../support/pulling.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

async function published(count: number): Promise<string[]> {
  const events = await insertEvents(database.pool, "order.paid", count);
  await claimAll(database.pool);
  return events;
}

async function statesOf(endpoint: string): Promise<Record<string, number>> {
  const rows = await deliveries(database.pool);
  const counts: Record<string, number> = {};
  for (const row of rows.filter((delivery) => delivery.endpoint === endpoint)) {
    counts[row.state] = (counts[row.state] ?? 0) + 1;
  }
  return counts;
}

async function detailOf(event: string): Promise<unknown> {
  return askFor(database.pool, "select detail from postrider.delivery_status where event_id = $1", [event]);
}

describe("a pull endpoint", () => {
  test("has no url, and any other has one", async () => {
    const refusal = { code: "23514", constraint: "url is null if and only if kind is pull" };
    await assert.rejects(createEndpoint(database.pool, [], { options: { kind: "pull" } }), {
      ...refusal,
      message: "an endpoint whose kind is pull has no url",
    });
    await assert.rejects(database.pool.query("select postrider.create_endpoint(null)"), {
      ...refusal,
      message: "an endpoint needs a url",
    });
    await createPullEndpoint(database.pool);
    await assert.rejects(database.pool.query("update postrider.endpoint set url = 'https://a.test/'"), refusal);
  });

  test("stays one", async () => {
    await createPullEndpoint(database.pool);
    await createEndpoint(database.pool);
    const refusal = { code: "23514", constraint: "kind stays what it was" };
    await assert.rejects(
      database.pool.query("update postrider.endpoint set kind = 'push', url = 'https://a.test/' where kind = 'pull'"),
      { ...refusal, message: "the kind of an endpoint cannot be changed, and this one is pull" },
    );
    await assert.rejects(
      database.pool.query("update postrider.endpoint set kind = 'pull', url = null where kind = 'push'"),
      refusal,
    );
  });

  test("takes no option that is about requests, and says which", async () => {
    for (const [option, value] of Object.entries({
      timeout_ms: 1_000,
      retry_schedule: ["1 s"],
      batch_size: 2,
      rate_limit: 5,
      headers: { a: "b" },
      auth: { type: "bearer", token: "abcdefgh" },
      ordered: true,
      payload: "$.a",
      handshake: true,
      retry_on: ["404"],
    })) {
      await assert.rejects(createPullEndpoint(database.pool, [], { [option]: value }), {
        code: "23514",
        message: `an endpoint whose kind is pull cannot have the option ${option}`,
      });
    }
    await assert.rejects(createPullEndpoint(database.pool, [], { format: "xml" }), {
      message: "an endpoint whose kind is pull cannot have the format xml",
    });
    await createPullEndpoint(database.pool, [], { timeout_ms: 15_000, format: "cloudevents", signing: "both" });
  });

  test("is made by a file, which says how its token is made, and changed by it", async () => {
    const apply = (options: Readonly<Record<string, unknown>>) => {
      const endpoint = {
        name: "warehouse",
        options: { kind: "pull", ...options },
        subscriptions: [{ event_type: "*" }],
      };
      return rowsOf<{ part: string | null; after: unknown; note: string | null; problem: string | null }>(
        database.pool,
        "select part, after, note, problem from postrider_internal.apply_file($1)",
        [JSON.stringify({ endpoints: [endpoint] })],
      );
    };
    const [made] = await apply({});
    assert.equal(made?.after, "(pull)");
    assert.match(
      made?.note ?? "",
      /^its token: select postrider\.create_pull_token\(postrider\.endpoint_id\('warehouse'\)\)/,
    );
    assert.deepEqual(await apply({}), []);
    const [changed] = await apply({ format: "cloudevents" });
    assert.deepEqual([changed?.part, changed?.after], ["format", "cloudevents"]);
    const [refused] = await apply({ timeout_ms: 1_000 });
    assert.match(refused?.problem ?? "", /cannot have the option timeout_ms/);
  });

  test("is leased by no walk, and named by its audit, which shows no url", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    await published(3);
    const { leased } = await walk(database.pool);
    assert.deepEqual(leased, []);
    assert.deepEqual(await statesOf(endpoint), { pending: 3 });
    const [row] = await rowsOf<{ after: { url: unknown; kind: unknown } }>(
      database.pool,
      "select after from postrider.audit where endpoint_id = $1 and action = 'create_endpoint'",
      [endpoint],
    );
    const after = Object.values(row?.after ?? {});
    assert.ok(row !== undefined && after.length > 0);
  });
});

describe("pages", () => {
  test("give the events in the order of their claims, and acknowledge what is before them", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = [...(await published(4)), ...(await published(3))];
    assert.equal(await detailOf(events[0] ?? ""), "unfetched");
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 5 });
    assert.deepEqual(first.events, events.slice(0, 5));
    assert.ok(first.hasMore);
    assert.equal(await detailOf(events[0] ?? ""), "unacknowledged");
    // What was not acknowledged is given again, to who has no cursor and to who has that one.
    assert.deepEqual((await fetchPage(database.pool, endpoint, null, { eventsMax: 5 })).events, first.events);
    const second = await fetchPage(database.pool, endpoint, first.next, { eventsMax: 5 });
    assert.deepEqual(second.events, events.slice(5));
    assert.equal(second.hasMore, false);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 5, pending: 2 });
    const third = await fetchPage(database.pool, endpoint, second.next);
    assert.deepEqual(third.events, []);
    assert.equal(third.next, second.next);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 7 });
    assert.deepEqual((await fetchPage(database.pool, endpoint, first.next)).events, second.events, "a slower receiver");
  });

  test("record an attempt for each event that is acknowledged, and count it", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const [event] = await published(2);
    const listener = randomUUID();
    const all = await fetchAll(database.pool, endpoint, null, { listener });
    await fetchPage(database.pool, endpoint, all.next, { listener });
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select attempt_number, http_status, failure_kind, daemon_id, duration_ms >= 0 as lasted
         from postrider.attempt where event_id = $1`,
        [event],
      ),
      [{ attempt_number: 1, http_status: null, failure_kind: null, daemon_id: listener, lasted: true }],
    );
    assert.deepEqual(
      await rowsOf(database.pool, "select succeeded_first::integer as first, delay_ms from postrider.endpoint_minute"),
      [{ first: 2, delay_ms: await askFor(database.pool, "select delay_ms from postrider.endpoint_minute_part") }],
    );
    assert.equal(
      await askFor(database.pool, "select attempts::integer from postrider.rebuild_minutes('yesterday')"),
      0,
    );
  });

  test("have as many bytes as are asked for, but one event at least", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const payload = JSON.stringify({ text: "x".repeat(1_000) });
    const events: string[] = [];
    for (const size of ["small", "large", "small", "small"]) {
      const text = size === "small" ? payload : JSON.stringify({ text: "y".repeat(50_000) });
      events.push(await insertEvent(database.pool, "order.paid", { payload: text }));
    }
    await claimAll(database.pool);
    const pages: (readonly string[])[] = [];
    let after: string | null = null;
    for (let n = 0; n < 3; n++) {
      const page = await fetchPage(database.pool, endpoint, after, { bytesMax: 3_000 });
      assert.equal(page.hasMore, n < 2);
      pages.push(page.events);
      after = page.next;
    }
    assert.deepEqual(pages, [events.slice(0, 1), events.slice(1, 2), events.slice(2)]);
  });

  test("are not held up by an event that is due later, which is given when it is", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const later = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    const [now] = await published(1);
    const first = await fetchAll(database.pool, endpoint, null);
    assert.deepEqual(first.events, [now]);
    assert.equal(await detailOf(later), "scheduled");
    await database.pool.query("select postrider.reschedule($1, now())", [later]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, first.next)).events, [later]);
  });

  test("have what commits late and out of the order of ids", async (t) => {
    const endpoint = await createPullEndpoint(database.pool);
    const late = await openSession(t, database.url);
    await late.query("begin");
    const slow = await insertEvent(late, "order.paid");
    const [fast] = await published(1);
    const first = await fetchAll(database.pool, endpoint, null);
    assert.deepEqual(first.events, [fast]);
    await late.query("commit");
    await claimAll(database.pool);
    assert.deepEqual((await fetchAll(database.pool, endpoint, first.next)).events, [slow]);
  });

  test("wait for an operator who has one of the deliveries locked, and heed what was decided", async (t) => {
    const endpoint = await createPullEndpoint(database.pool);
    const [kept, cancelled] = await published(2);
    const first = await fetchPage(database.pool, endpoint, null);
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select postrider.cancel($1, $2)", [cancelled, endpoint]);
    const receiver = await openSession(t, database.url);
    const pid = await pidOf(receiver);
    const next = fetchPage(receiver, endpoint, first.next);
    await waitsForLock(database.pool, pid);
    await operator.query("commit");
    assert.deepEqual((await next).events, []);
    assert.equal(await detailOf(kept ?? ""), "succeeded");
    assert.equal(await detailOf(cancelled ?? ""), "discarded");
  });
});

describe("what an operator does between two pages", () => {
  test("a cancelled event is not given", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(4);
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    await database.pool.query("select postrider.cancel($1, $2)", [events[1], endpoint]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, first.next)).events, [events[2], events[3]]);
  });

  test("an event that is made again is found by a receiver that is past it", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(3);
    const all = await fetchAll(database.pool, endpoint, null);
    // Given and not acknowledged: it is given again, and not ended with what it was given with.
    await database.pool.query("select postrider.redeliver($1, $2)", [events[0], endpoint]);
    const again = await fetchPage(database.pool, endpoint, all.next);
    assert.deepEqual(again.events, [events[0]]);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 2, pending: 1 });
    await fetchPage(database.pool, endpoint, again.next);
    await database.pool.query("select postrider.redeliver($1, $2)", [events[1], endpoint]);
    const third = await fetchPage(database.pool, endpoint, again.next);
    assert.deepEqual(third.events, [events[1]]);
    await fetchPage(database.pool, endpoint, third.next);
    assert.equal(await askFor(database.pool, "select max(attempt_number)::integer from postrider.attempt"), 2);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 3 });
  });

  test("a discarded event that is replayed before its page is acknowledged is given all the same", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(2);
    const all = await fetchAll(database.pool, endpoint, null);
    await database.pool.query("select postrider.cancel($1, $2)", [events[0], endpoint]);
    const replay = await askFor(
      database.pool,
      "select replay_id from postrider.replay($1, 'yesterday', 'tomorrow', states => '{cancelled}')",
      [endpoint],
    );
    await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, all.next)).events, [events[0]]);
  });

  test("a replay of what has arrived gives it again, and to a slower receiver, too", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(3);
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    const rest = await fetchAll(database.pool, endpoint, first.next);
    await fetchPage(database.pool, endpoint, rest.next);
    const replay = await askFor(
      database.pool,
      "select replay_id from postrider.replay($1, 'yesterday', 'tomorrow', states => '{succeeded}')",
      [endpoint],
    );
    await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
    await database.pool.query("select postrider.cancel_replay($1)", [replay]);
    await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, first.next)).events, events.slice(1), "withdrawn");
    const repeated = await askFor(
      database.pool,
      "select replay_id from postrider.replay($1, 'yesterday', 'tomorrow', states => '{succeeded}')",
      [endpoint],
    );
    await database.pool.query("select postrider_internal.prepare_replay($1)", [repeated]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, rest.next)).events.toSorted(), events.toSorted());
  });

  test("a pause gives nothing and acknowledges all the same, as does the switch that stops all sending", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(2);
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    await database.pool.query("select postrider.pause_endpoint($1)", [endpoint]);
    const paused = await fetchPage(database.pool, endpoint, first.next);
    assert.deepEqual(paused, { outcome: "paused", events: [], next: first.next, hasMore: false });
    assert.deepEqual(await statesOf(endpoint), { succeeded: 1, pending: 1 });
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    await database.pool.query("update postrider.sending set is_on = false");
    assert.equal((await fetchPage(database.pool, endpoint, first.next)).outcome, "paused");
    await database.pool.query("update postrider.sending set is_on = true");
    assert.deepEqual((await fetchPage(database.pool, endpoint, first.next)).events, [events[1]]);
    await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
    assert.equal((await fetchPage(database.pool, endpoint, first.next)).outcome, "disabled");
    await database.pool.query("select postrider.delete_endpoint($1)", [endpoint]);
    assert.equal((await fetchPage(database.pool, endpoint, first.next)).outcome, "unknown");
  });

  test("a pause gives nothing to a session that has never read a page, either", async (t) => {
    const endpoint = await createPullEndpoint(database.pool);
    await published(1);
    await database.pool.query("select postrider.pause_endpoint($1)", [endpoint]);
    const session = await openSession(t, database.url);
    const { next } = await fetchPage(session, endpoint, null);
    // What it is told must be of use, too.
    assert.deepEqual(await fetchPage(session, endpoint, next), { outcome: "paused", events: [], next, hasMore: false });
  });

  test("an erased event is not given, neither waiting nor retained", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(3);
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    await fetchPage(database.pool, endpoint, first.next, { eventsMax: 1 });
    await database.pool.query("select postrider.erase_event($1)", [events[2]]);
    assert.deepEqual((await fetchAll(database.pool, endpoint, first.next)).events, [events[1]]);
  });
});

describe("a cursor", () => {
  test("is refused if it is none of this endpoint, or was changed", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const other = await createPullEndpoint(database.pool);
    await published(3);
    const { next } = await fetchAll(database.pool, endpoint, null);
    await fetchAll(database.pool, other, null);
    assert.equal((await fetchPage(database.pool, other, next)).outcome, "foreign");
    const changed = `${next.slice(0, 8)}${next[8] === "A" ? "B" : "A"}${next.slice(9)}`;
    for (const cursor of [changed, "", "x", next.slice(1), `${next}A`, "A".repeat(32)]) {
      assert.equal((await fetchPage(database.pool, endpoint, cursor)).outcome, "foreign", cursor);
    }
    assert.deepEqual(await statesOf(other), { pending: 3 });
  });

  test("from before what retention has removed is refused, with one from where on nothing is missing", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(3);
    const first = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    const second = await fetchPage(database.pool, endpoint, first.next, { eventsMax: 1 });
    await fetchPage(database.pool, endpoint, second.next, { eventsMax: 1 });
    await database.pool.query("select postrider_internal.note_gone($1, $1)", [events[1]]);
    await database.pool.query("delete from postrider.delivery where event_id = $1", [events[1]]);
    const gone = await fetchPage(database.pool, endpoint, first.next);
    assert.equal(gone.outcome, "gone");
    assert.deepEqual((await fetchAll(database.pool, endpoint, gone.next)).events, [events[2]]);
  });

  test("passes nothing that waits among what a cancelled replay left behind and retention has removed", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const [old] = await published(1);
    const { next } = await fetchAll(database.pool, endpoint, null);
    await fetchPage(database.pool, endpoint, next);
    const [waiting] = await published(1);
    const replay = await askFor(
      database.pool,
      "select replay_id from postrider.replay($1, 'yesterday', 'tomorrow', states => '{succeeded}')",
      [endpoint],
    );
    await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
    assert.deepEqual((await fetchPage(database.pool, endpoint, next)).events, [waiting, old]);
    await database.pool.query("select postrider.cancel_replay($1)", [replay]);
    await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 1, pending: 1 });
    await database.pool.query("select postrider_internal.note_gone($1, $1)", [old]);
    await database.pool.query("delete from postrider.delivery where event_id = $1", [old]);
    for (const after of [next, null]) {
      assert.deepEqual((await fetchPage(database.pool, endpoint, after)).events, [waiting]);
    }
  });

  test("from before what is gone goes on with what is retained, whoever has acknowledged that", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(3);
    const slow = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    const fast = await fetchAll(database.pool, endpoint, slow.next);
    await fetchPage(database.pool, endpoint, fast.next);
    assert.deepEqual(await statesOf(endpoint), { succeeded: 3 });
    await database.pool.query("select postrider_internal.note_gone($1, $1)", [events[1]]);
    await database.pool.query("delete from postrider.delivery where event_id = $1", [events[1]]);
    const gone = await fetchPage(database.pool, endpoint, slow.next);
    assert.equal(gone.outcome, "gone");
    assert.deepEqual((await fetchAll(database.pool, endpoint, gone.next)).events, [events[2]]);
  });

  test("outlives a failover to a server that lacks the places it stands behind", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(4);
    const behind = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    const known = { eventsMax: 1 };
    const ahead = await fetchPage(database.pool, endpoint, behind.next, known);
    // As a standby has it that was promoted before the second page reached it.
    await database.pool.query(
      `update postrider.pull_position
       set last_place = (select min(pull_place) from postrider.delivery), acknowledged_place = 0, server = 'former'`,
    );
    await database.pool.query(
      `update postrider.delivery set pull_place = null, state = 'pending', finished_at = null, next_attempt_at = created_at
       where pull_place > (select last_place from postrider.pull_position)`,
    );
    const another = await fetchAll(database.pool, endpoint, behind.next);
    assert.deepEqual(another.events, events.slice(1));
    assert.deepEqual((await fetchAll(database.pool, endpoint, ahead.next)).events, events.slice(1));
  });

  test("outlives a restore on the same server, whose backup lacks the places it stands behind", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const events = await published(4);
    const behind = await fetchPage(database.pool, endpoint, null, { eventsMax: 1 });
    const ahead = await fetchPage(database.pool, endpoint, behind.next, { eventsMax: 2 });
    // Neither the cluster nor its timeline changes if a copy of the disk or of the files is started.
    await database.pool.query(
      `update postrider.pull_position
       set last_place = (select min(pull_place) from postrider.delivery), acknowledged_place = 0`,
    );
    await database.pool.query(
      `update postrider.delivery set pull_place = null, state = 'pending', finished_at = null, next_attempt_at = created_at
       where pull_place > (select last_place from postrider.pull_position)`,
    );
    const another = await fetchAll(database.pool, endpoint, behind.next);
    assert.deepEqual(another.events, events.slice(1));
    assert.deepEqual((await fetchAll(database.pool, endpoint, ahead.next)).events, events.slice(1));
  });
});

describe("a token", () => {
  test("is shown once, kept as a hash, and rotated with an overlap", async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const make = (overlap: string) =>
      askFor(database.pool, "select postrider.create_pull_token($1, $2)", [endpoint, overlap]);
    const [first, second] = [String(await make("1 day")), String(await make("1 day"))];
    assert.match(first, /^prt_[A-Za-z0-9_-]{43}$/);
    const hashes = await rowsOf<{ is_first: boolean; is_second: boolean; expires: boolean }>(
      database.pool,
      `select token_hash = sha256(convert_to($1, 'UTF8')) as is_first, token_hash = sha256(convert_to($2, 'UTF8')) as is_second,
              expires_at is not null as expires
       from postrider.pull_token order by created_at`,
      [first, second],
    );
    assert.deepEqual(hashes, [
      { is_first: true, is_second: false, expires: true },
      { is_first: false, is_second: true, expires: false },
    ]);
    await make("0");
    assert.equal(await askFor(database.pool, "select tokens::integer from postrider.pull_status"), 1);
    const id = await askFor(database.pool, "select id from postrider.pull_token where expires_at is null");
    await database.pool.query("select postrider.revoke_pull_token($1)", [id]);
    assert.equal(await askFor(database.pool, "select tokens::integer from postrider.pull_status"), 0);
    const audit = JSON.stringify(await rowsOf(database.pool, "select * from postrider.audit"));
    assert.ok(audit.includes("create_pull_token") && audit.includes("revoke_pull_token"));
    assert.ok(!audit.includes(first) && !audit.includes(second));
  });

  test("is for pull endpoints alone", async () => {
    const endpoint = await createEndpoint(database.pool);
    await assert.rejects(database.pool.query("select postrider.create_pull_token($1)", [endpoint]), {
      code: "55000",
      message: `endpoint ${endpoint} is sent its events, so it needs no token`,
    });
  });
});

test("a delivery whose event came before the endpoint was known to a claim is found by those who wait", async () => {
  const endpoint = await createPullEndpoint(database.pool, []);
  const { next: first } = await fetchPage(database.pool, endpoint, null);
  const waiting = (after: string | null) => findFetchable([endpoint], [after]);
  assert.deepEqual(await waiting(first), []);
  await addPending(database.pool, endpoint);
  assert.deepEqual(await waiting(first), [1]);
  const { next } = await fetchAll(database.pool, endpoint, null);
  await fetchPage(database.pool, endpoint, next);
  assert.deepEqual(await waiting(next), []);
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
  assert.deepEqual(await waiting(next), [1]);
});

test("an event that was in the way when another one could not be read is not discarded", async () => {
  const endpoint = await createPullEndpoint(database.pool, []);
  const { next } = await fetchPage(database.pool, endpoint, null);
  await addPending(database.pool, endpoint);
  const page = await fetchPage(database.pool, endpoint, next, { unreadable: "the event cannot be read" });
  assert.deepEqual(page, { outcome: "page", next, hasMore: true, events: [] });
  assert.equal((await fetchPage(database.pool, endpoint, next)).events.length, 1);
});

test("what one receiver was given is news to another one that waits before it, acknowledged or not", async () => {
  const [endpoint, other] = [await createPullEndpoint(database.pool, []), await createPullEndpoint(database.pool, [])];
  const { next: before } = await fetchPage(database.pool, endpoint, null);
  const { next: ofOther } = await fetchPage(database.pool, other, null);
  await addPending(database.pool, endpoint);
  const { next: behind } = await fetchAll(database.pool, endpoint, null);
  const look = () => findFetchable([other, endpoint, endpoint], [ofOther, behind, before]);
  assert.deepEqual(await look(), [3]);
  await fetchPage(database.pool, endpoint, behind);
  assert.deepEqual(await look(), [3]);
  assert.deepEqual(await findFetchable([endpoint], [ofOther]), [], "a cursor of another endpoint is no place");
});

async function findFetchable(endpoints: readonly string[], cursors: readonly (string | null)[]): Promise<number[]> {
  const look = "select place from postrider_internal.find_fetchable($1, $2) order by place";
  const rows = await rowsOf<{ place: number }>(database.pool, look, [endpoints, cursors]);
  return rows.map(({ place }) => place);
}

describe("two receivers that are killed at random", () => {
  test("each see every event, whatever commits late, is made again or cancelled meanwhile", async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 20, maxLength: 60 }), async (choices) => {
        await reset(database.pool);
        await new Story(t).run(choices);
      }),
      { numRuns: STORIES },
    );
  });
});

const STORIES = 6;

/** What happens to one endpoint, at random, and what its two receivers must have seen in the end. */
class Story {
  readonly #t: TestContext;
  readonly #committed: string[] = [];
  readonly #cancelled = new Set<string>();
  /** How often an operator made an event again after a receiver had seen it. */
  readonly #again = new Map<string, number>();
  readonly #receivers = [
    { cursor: "", seen: new Map<string, number>() },
    { cursor: "", seen: new Map<string, number>() },
  ];
  #late: { session: pg.Client; event: string } | null = null;
  #endpoint = "";

  constructor(t: TestContext) {
    this.#t = t;
  }

  async run(choices: readonly number[]): Promise<void> {
    this.#endpoint = await createPullEndpoint(database.pool);
    for (const receiver of this.#receivers) {
      receiver.cursor = (await fetchPage(database.pool, this.#endpoint, null)).next;
    }
    for (const choice of choices) {
      await this.#step(choice);
    }
    await this.#commitLate();
    for (const receiver of this.#receivers) {
      for (let isOver = false; !isOver; ) {
        isOver = !(await this.#poll(receiver, 7)) && !(await this.#poll(receiver, 7));
      }
      for (const event of this.#committed) {
        const expected = this.#cancelled.has(event) ? 0 : 1;
        assert.ok((receiver.seen.get(event) ?? 0) >= expected, `${event} was not seen`);
      }
    }
    const [first] = this.#receivers;
    for (const [event, times] of this.#again) {
      assert.ok((first?.seen.get(event) ?? 0) > times || this.#cancelled.has(event), `${event} was not seen again`);
    }
  }

  async #step(choice: number): Promise<void> {
    const receiver = this.#receivers[choice % 2] ?? { cursor: "", seen: new Map() };
    const event = this.#committed[(choice * 7) % Math.max(1, this.#committed.length)];
    if (choice < 25) {
      this.#committed.push(...(await published((choice % 5) + 1)));
    } else if (choice < 65) {
      await this.#poll(receiver, (choice % 3) + 1);
    } else if (choice < 75) {
      // Killed before it has stored the cursor.
      await fetchPage(database.pool, this.#endpoint, receiver.cursor, { eventsMax: 2 });
    } else if (choice < 85) {
      await (this.#late === null ? this.#insertLate() : this.#commitLate());
    } else if (choice < 92 && event !== undefined) {
      const cancelled = await askFor(database.pool, "select postrider.cancel($1, $2)", [event, this.#endpoint]);
      if (cancelled === "discarded") this.#cancelled.add(event);
    } else if (event !== undefined) {
      const times = this.#receivers[0]?.seen.get(event) ?? 0;
      await database.pool.query("select postrider.redeliver($1, $2)", [event, this.#endpoint]);
      this.#cancelled.delete(event);
      this.#again.set(event, times);
    }
  }

  /** Whether it got anything. */
  async #poll(receiver: { cursor: string; seen: Map<string, number> }, eventsMax: number): Promise<boolean> {
    const page = await fetchPage(database.pool, this.#endpoint, receiver.cursor, { eventsMax });
    assert.equal(page.outcome, "page");
    for (const event of page.events) {
      receiver.seen.set(event, (receiver.seen.get(event) ?? 0) + 1);
    }
    receiver.cursor = page.next;
    return page.events.length > 0 || page.hasMore;
  }

  async #insertLate(): Promise<void> {
    const session = await openSession(this.#t, database.url);
    await session.query("begin");
    this.#late = { session, event: await insertEvent(session, "order.paid") };
  }

  async #commitLate(): Promise<void> {
    if (this.#late !== null) {
      await this.#late.session.query("commit");
      this.#committed.push(this.#late.event);
      this.#late = null;
      await claimAll(database.pool);
    }
  }
}
