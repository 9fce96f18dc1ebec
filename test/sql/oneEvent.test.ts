/** What an operator does with one event: a test, another time, an end. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  claimEvents,
  createEndpoint,
  IN_A_WEEK,
  insertEvent,
  openSession,
  type Pair,
  pidOf,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

const UNCLAIMED = "select unclaimed from postrider_internal.count_unclaimed(10)";
const NO_SUCH = "00000000-0000-7000-8000-000000000000";

describe("send_test_event", () => {
  const send = "select postrider.send_test_event($1)";

  test("sends one event to this endpoint alone, whatever is subscribed to, and is not replayed", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.paid"], { tenant: "acme" });
    const other = await createEndpoint(database.pool, ["*", "postrider.*"], { tenant: "acme" });
    // Before the first claim ever, after one, and with a type that the other one gets.
    const events = [await askFor(database.pool, send, [endpoint])];
    await insertEvent(database.pool, "order.sent", { tenant: "acme" });
    assert.deepEqual(
      (await claimAll(database.pool)).map((pair) => [pair.endpoint, pair.eventType]),
      [[other, "order.sent"]],
    );
    events.push(await askFor(database.pool, send, [endpoint]));
    events.push(
      await askFor(database.pool, "select postrider.send_test_event($1, 'order.paid', '{\"n\": 1.0}')", [endpoint]),
    );
    assert.deepEqual(await claimAll(database.pool), []);
    assert.equal(await askFor(database.pool, UNCLAIMED), "0");
    const { leased } = await walk(database.pool);
    assert.deepEqual(
      leased.map((pair) => [pair.event, pair.endpoint, pair.eventType, pair.payload]),
      [
        [events[0], endpoint, "postrider.test", '{"test": true}'],
        [events[1], endpoint, "postrider.test", '{"test": true}'],
        [events[2], endpoint, "order.paid", '{"n": 1.0}'],
      ],
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select id, tenant, test_endpoint_id from postrider.outbox where test_endpoint_id is not null order by id",
      ),
      events.toSorted().map((id) => ({ id, tenant: "acme", test_endpoint_id: endpoint })),
    );
    for (const replayed of [endpoint, other]) {
      const states = "{exhausted,discarded,unmatched,cancelled,succeeded}";
      assert.equal(
        await askFor(
          database.pool,
          "select events from postrider.replay($1, now() - interval '1 h', states => $2, dry_run => true, event_type => 'order.paid')",
          [replayed, states],
        ),
        "0",
      );
    }
    assert.equal(
      await askFor(database.pool, "select count(*)::int from postrider.audit where action = 'send_test_event'"),
      3,
    );
  });

  test("is explained to the endpoints that do not get it", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const other = await createEndpoint(database.pool);
    const event = await askFor(database.pool, "select postrider.send_test_event($1, 'order.paid')", [endpoint]);
    const explain = "select endpoint_id, outcome, explanation from postrider.explain_event($1)";
    const explained = await rowsOf<{ endpoint_id: string; outcome: string; explanation: string }>(
      database.pool,
      explain,
      [event],
    );
    assert.deepEqual(
      explained.map(({ endpoint_id, outcome }) => [endpoint_id, outcome]),
      [
        [endpoint, "deferred"],
        [other, "not matched"],
      ],
    );
    assert.match(explained[1]?.explanation ?? "", /^the event is a test, which another endpoint gets/);
    const erased = await insertEvent(database.pool, "order.paid");
    await database.pool.query("select postrider.erase_event($1)", [erased]);
    const [row] = await rowsOf<{ explanation: string }>(database.pool, explain, [erased]);
    assert.match(row?.explanation ?? "", /^the event was erased /);
  });

  test("does not count against the endpoint if it fails", async () => {
    const endpoint = await createEndpoint(database.pool, [], { options: { disable_after: "1 min" } });
    await database.pool.query(send, [endpoint]);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    await recordResults(database.pool, daemon, {
      later: leased.map((pair) => resultOf(pair, { outcome: "exhausted" })),
    });
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.attempt"), 1);
    assert.equal(await askFor(database.pool, "select is_failing from postrider.endpoint_health"), false);
  });

  test("waits for a paused endpoint, and is refused for one that cannot be sent to", async () => {
    const paused = await createEndpoint(database.pool, [], { state: "paused" });
    await database.pool.query(send, [paused]);
    assert.deepEqual((await walk(database.pool)).leased, []);
    const disabled = await createEndpoint(database.pool, [], { state: "disabled" });
    await assert.rejects(database.pool.query(send, [disabled]), { code: "55000", hint: /enable_endpoint/ });
    await assert.rejects(database.pool.query(send, [NO_SUCH]), { code: "P0002" });
  });
});

test("endpoint_health counts what was exhausted", async () => {
  const [failing, well] = [await createEndpoint(database.pool), await createEndpoint(database.pool)];
  const daemon = randomUUID();
  await insertEvent(database.pool, "order.paid");
  await insertEvent(database.pool, "order.paid");
  const pairs = await claimAll(database.pool, { daemon });
  await recordResults(database.pool, daemon, {
    first: pairs.map((pair) => resultOf(pair, { outcome: pair.endpoint === failing ? "exhausted" : "succeeded" })),
  });
  assert.deepEqual(
    new Set(await rowsOf(database.pool, "select endpoint_id, exhausted from postrider.endpoint_health")),
    new Set([
      { endpoint_id: failing, exhausted: "2" },
      { endpoint_id: well, exhausted: "0" },
    ]),
  );
});

describe("endpoint_health says how long the attempts of the last hour took", () => {
  /** By the upper bounds of postrider.request_ms_bounds(): 1, 2, 5, 10 and so on. */
  const had = (endpoint: string, minutesAgo: number, attempts: readonly number[]) =>
    database.pool.query(
      `insert into postrider.endpoint_minute_part (minute, endpoint_id, request_ms)
       values (date_bin('1 min', now() - $2 * interval '1 min', 'epoch'), $1, $3)`,
      [endpoint, minutesAgo, attempts],
    );
  const durations = (where = "") =>
    rowsOf(database.pool, `select name, p50_ms, p95_ms from postrider.endpoint_health ${where} order by name`);

  async function named(name: string): Promise<string> {
    return createEndpoint(database.pool, [], { options: { name } });
  }

  test("of a quiet endpoint beside a busy one, in each minute that it had some", async () => {
    const [busy, , quiet, stuck] = [
      await named("busy"),
      await named("idle"),
      await named("quiet"),
      await named("stuck"),
    ];
    for (let minute = 1; minute < 60; minute++) await had(busy, minute, [900_000]);
    await had(quiet, 50, [0, 0, 10]);
    await had(quiet, 2, [0, 0, 8, 0, 0, 0, 0, 0, 2]);
    await had(quiet, 2, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    await had(quiet, 61, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 900]);
    await had(stuck, 1, [...Array.from({ length: 16 }, () => 0), 3]);
    const expected = [
      { name: "busy", p50_ms: 1, p95_ms: 1 },
      { name: "idle", p50_ms: null, p95_ms: null },
      { name: "quiet", p50_ms: 5, p95_ms: 500 },
      { name: "stuck", p50_ms: 120_000, p95_ms: 120_000 },
    ];
    assert.deepEqual(await durations(), expected);
    for (const row of expected) assert.deepEqual(await durations(`where name = '${row.name}'`), [row]);
  });

  test("at no cost to a query that does not ask for it, and of one endpoint by that endpoint's minutes alone", async () => {
    const endpoint = await named("one");
    const planOf = async (columns: string, where = "") =>
      JSON.stringify(await rowsOf(database.pool, `explain select ${columns} from postrider.endpoint_health ${where}`));
    assert.doesNotMatch(await planOf("endpoint_id, is_failing"), /endpoint_minute_part/);
    assert.match(await planOf("p95_ms"), /endpoint_minute_part/);
    // The endpoint itself is found by its id, and endpoint_failure is left out.
    const plan = await planOf("p95_ms", `where endpoint_id = '${endpoint}'`);
    assert.match(plan, new RegExp(`endpoint_id = '${endpoint}'`));
    assert.doesNotMatch(plan, /endpoint_failure/);
  });
});

describe("reschedule", () => {
  const reschedule = "select postrider.reschedule($1, $2)";

  async function scheduled(isClaimed: boolean): Promise<string> {
    await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    if (isClaimed) await claimAll(database.pool);
    return event;
  }

  for (const isClaimed of [true, false]) {
    test(`moves an event that ${isClaimed ? "is" : "is not"} claimed, to now and to later`, async () => {
      const event = await scheduled(isClaimed);
      const [later] = await rowsOf<{ at: string }>(database.pool, "select (now() + interval '2 days')::text as at");
      assert.equal(
        String(
          await askFor(database.pool, `select (postrider.reschedule($1, $2) = '${IN_A_WEEK}')::text`, [
            event,
            later?.at,
          ]),
        ),
        "true",
      );
      assert.deepEqual(await claimAll(database.pool), []);
      assert.equal(
        await askFor(
          database.pool,
          "select d.next_attempt_at = $1 and o.deliver_at = $1 from postrider.delivery d, postrider.outbox o",
          [later?.at],
        ),
        true,
      );
      if (!isClaimed) {
        await reset(database.pool);
      }
      const moved = isClaimed ? event : await scheduled(false);
      await database.pool.query("select postrider.reschedule($1, now())", [moved]);
      const sent = [...(await claimAll(database.pool)), ...(await walk(database.pool)).leased];
      assert.deepEqual(
        sent.map((pair) => pair.event),
        [moved],
      );
      assert.equal(
        await askFor(database.pool, "select count(*)::int from postrider.audit where action = 'reschedule'"),
        isClaimed ? 2 : 1,
      );
    });
  }

  test("waits for a claim in progress, so that the new time counts", async (t) => {
    const event = await scheduled(false);
    const [claiming, moving] = [await openSession(t, database.url), await openSession(t, database.url)];
    await claiming.query("begin");
    assert.deepEqual((await claimEvents(claiming)).pairs, []);
    const pid = await pidOf(moving);
    const moved = moving.query("select postrider.reschedule($1, now())", [event]);
    await waitsForLock(database.pool, pid);
    await claiming.query("commit");
    await moved;
    assert.deepEqual(
      (await walk(database.pool)).leased.map((pair) => pair.event),
      [event],
    );
  });

  test("is refused for what is due, and for a time that is none", async () => {
    const event = await scheduled(true);
    for (const at of [null, "infinity", "-infinity", "2999-01-01"]) {
      await assert.rejects(database.pool.query(reschedule, [event, at]), { code: "22023" }, String(at));
    }
    await database.pool.query("select postrider.reschedule($1, now() - interval '1 day')", [event]);
    await assert.rejects(database.pool.query(reschedule, [event, "now"]), { code: "55000", message: /not scheduled/ });
    const plain = await insertEvent(database.pool, "order.paid");
    await assert.rejects(database.pool.query(reschedule, [plain, "now"]), { code: "55000", message: /not scheduled/ });
    await assert.rejects(database.pool.query(reschedule, [NO_SUCH, "now"]), { code: "P0002" });
  });
});

describe("cancel, of many", () => {
  const cancel = "select postrider.cancel($1, $2, 'by mistake')";

  /** An endpoint's deliveries: one that waits, one that is leased, one in a claim, one that has arrived. */
  async function arrange(endpoint: string): Promise<string[]> {
    const daemon = randomUUID();
    const events: string[] = [];
    for (const kind of ["leased", "pending", "succeeded", "in hand"]) {
      events.push(await insertEvent(database.pool, "order.paid"));
      const pairs = (await claimAll(database.pool, { daemon })).filter((pair) => pair.endpoint === endpoint);
      if (kind === "in hand") continue;
      const outcome = kind === "succeeded" ? "succeeded" : "pending";
      await recordResults(database.pool, daemon, { first: pairs.map((pair) => resultOf(pair, { outcome, wait: 0 })) });
      if (kind === "leased") await walk(database.pool, { daemon });
    }
    return events;
  }

  test("ends what waits for an endpoint and marks what is in hand", async () => {
    const endpoint = await createEndpoint(database.pool);
    const [leased, pending, succeeded, inHand] = await arrange(endpoint);
    assert.equal(await askFor(database.pool, cancel, [null, endpoint]), "1 discarded, 2 in hand");
    const details = await rowsOf<{ event_id: string; detail: string }>(
      database.pool,
      "select event_id, detail from postrider.delivery_status",
    );
    assert.deepEqual(
      new Map(details.map(({ event_id, detail }) => [event_id, detail])),
      new Map([
        [leased, "cancelled"],
        [pending, "discarded"],
        [succeeded, "succeeded"],
        [inHand, "cancelled"],
      ]),
    );
    assert.equal(await askFor(database.pool, cancel, [null, endpoint]), "0 discarded, 0 in hand");
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select endpoint_id, event_id, detail from postrider.audit where action = 'cancel' limit 1",
      ),
      [{ endpoint_id: endpoint, event_id: null, detail: { reason: "by mistake", discarded: 1, in_hand: 2 } }],
    );
  });

  test("ends an event at every endpoint", async () => {
    const endpoints = [
      await createEndpoint(database.pool),
      await createEndpoint(database.pool, ["*"], { state: "paused" }),
    ];
    const event = await insertEvent(database.pool, "order.paid");
    const other = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    assert.equal(await askFor(database.pool, cancel, [event, null]), "1 discarded, 1 in hand");
    assert.equal(endpoints.length, 2);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select distinct detail from postrider.delivery_status where event_id = $1 order by 1",
        [other],
      ),
      [{ detail: "in flight" }, { detail: "paused" }],
    );
  });

  /** Two deliveries of an event or of an endpoint: one that is leased, and one that waits. */
  async function arrangeTwo(target: "event" | "endpoint"): Promise<{ leased: Pair; waiting: Pair }> {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    await walk(database.pool);
    const waiting =
      target === "endpoint"
        ? { event: await addPending(database.pool, endpoint), endpoint }
        : { event, endpoint: await createEndpoint(database.pool, []) };
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', now())
       on conflict do nothing`,
      [waiting.event, waiting.endpoint],
    );
    return { leased: { event, endpoint }, waiting };
  }

  /** How cancel() left each, or the mark with which a daemon will end it. */
  function endings(): Promise<unknown> {
    return askFor(
      database.pool,
      `select array_agg(coalesce(c.reason, d.reason))
       from postrider.delivery d left join postrider.cancellation c using (event_id, endpoint_id)`,
    );
  }

  for (const target of ["event", "endpoint"] as const) {
    const valuesOf = ({ event, endpoint }: Pair) => (target === "event" ? [event, null] : [null, endpoint]);

    test(`of an ${target} does not miss what is leased meanwhile`, async (t) => {
      const { leased } = await arrangeTwo(target);
      const marking = await openSession(t, database.url);
      await marking.query("begin");
      await marking.query(
        "insert into postrider.cancellation (event_id, endpoint_id, reason) values ($1, $2, 'cancelled: by mistake')",
        [leased.event, leased.endpoint],
      );
      const cancelling = await openSession(t, database.url);
      const pid = await pidOf(cancelling);
      const cancelled = cancelling.query(cancel, valuesOf(leased));
      await waitsForLock(database.pool, pid);
      await walk(database.pool);
      await marking.query("commit");
      await cancelled;
      assert.deepEqual(await endings(), ["cancelled: by mistake", "cancelled: by mistake"]);
    });
  }

  test("of an event does not miss what is recorded meanwhile, to be sent again", async (t) => {
    const { leased, waiting } = await arrangeTwo("event");
    const daemon = String(
      await askFor(database.pool, "select leased_by from postrider.delivery where leased_by is not null"),
    );
    const holding = await openSession(t, database.url);
    await holding.query("begin");
    await holding.query("select from postrider.delivery where event_id = $1 and endpoint_id = $2 for update", [
      waiting.event,
      waiting.endpoint,
    ]);
    const cancelling = await openSession(t, database.url);
    const pid = await pidOf(cancelling);
    const cancelled = cancelling.query(cancel, [leased.event, null]);
    await waitsForLock(database.pool, pid);
    await recordResults(database.pool, daemon, { later: [resultOf(leased, { outcome: "pending", wait: 0 })] });
    await holding.query("commit");
    await cancelled;
    assert.deepEqual(await endings(), ["cancelled: by mistake", "cancelled: by mistake"]);
    await walk(database.pool);
    assert.deepEqual(await rowsOf(database.pool, "select distinct state from postrider.delivery"), [
      { state: "discarded" },
    ]);
  });

  test("is refused without either, and for what does not exist", async () => {
    await assert.rejects(database.pool.query(cancel, [null, null]), { code: "22004", hint: /postrider\.sending/ });
    await assert.rejects(database.pool.query(cancel, [NO_SUCH, null]), { code: "P0002" });
    await assert.rejects(database.pool.query(cancel, [null, NO_SUCH]), { code: "P0002" });
  });
});

describe("erase_event", () => {
  const erase = "select discarded, in_flight from postrider.erase_event($1)";
  const SECRET = "Ada Lovelace";

  /** Every text of every row of every table, to be searched. */
  async function everything(): Promise<string> {
    const tables = await rowsOf<{ name: string }>(
      database.pool,
      `select relname as name from pg_class
       where relnamespace = 'postrider'::regnamespace and relkind in ('r', 'p') and not relispartition`,
    );
    const texts = await Promise.all(
      tables.map(({ name }) =>
        askFor(database.pool, `select coalesce(json_agg(t)::text, '') from postrider."${name}" t`),
      ),
    );
    return texts.join("\n");
  }

  async function insertPersonal(): Promise<string> {
    return String(
      await askFor(
        database.pool,
        "select postrider.publish('user.made', $1, 'acme', $2, idempotency_key => $2, attributes => $3)",
        [JSON.stringify({ name: SECRET }), SECRET, JSON.stringify({ subject: SECRET })],
      ),
    );
  }

  test("leaves nothing of what the event said, wherever it is, and says that it was done", async () => {
    const endpoint = await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    const second = await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    const daemon = randomUUID();
    const event = await insertPersonal();
    const pairs = await claimAll(database.pool, { daemon });
    await recordResults(database.pool, daemon, {
      first: pairs.map((pair) => ({
        ...resultOf(pair, { outcome: pair.endpoint === endpoint ? "succeeded" : "pending", wait: 60_000 }),
        headers: JSON.stringify({ name: SECRET }),
        body: SECRET,
        ...(pair.endpoint === endpoint ? {} : { error: SECRET }),
      })),
      finished: [...new Set(pairs.map(({ claim }) => claim))],
    });
    await database.pool.query("select postrider.redeliver($1, $2)", [event, second]);
    await database.pool.query("select postrider.cancel($1, $2, $3)", [event, second, SECRET]);
    await database.pool.query("select postrider.redeliver($1, $2)", [event, second]);
    assert.match(await everything(), new RegExp(SECRET));
    // What went wrong at an endpoint last is shown with the endpoint, as long as it is the last.
    await database.pool.query("delete from postrider.endpoint_failure");
    assert.deepEqual(await rowsOf(database.pool, erase, [event]), [{ discarded: "1", in_flight: "0" }]);
    assert.doesNotMatch(await everything(), new RegExp(SECRET));
    assert.deepEqual(await rowsOf(database.pool, "select state, reason from postrider.delivery order by state"), [
      { state: "discarded", reason: "the event was erased" },
      { state: "succeeded", reason: null },
    ]);
    assert.equal(
      await askFor(
        database.pool,
        "select count(*)::int from postrider.audit where action = 'erase_event' and event_id = $1",
        [event],
      ),
      1,
    );
    for (const statement of ["select postrider.redeliver($1, $2)", "select postrider.redeliver($1, null)"]) {
      const values = statement.includes("$2") ? [event, endpoint] : [event];
      await assert.rejects(database.pool.query(statement, values), { code: "55000", message: /was erased/ });
    }
    const replay = "select events from postrider.replay($1, '-infinity', states => '{succeeded,discarded,unmatched}')";
    assert.equal(await askFor(database.pool, replay, [endpoint]), "0");
    await assert.rejects(database.pool.query(erase, [NO_SUCH]), { code: "P0002" });
  });

  for (const kind of ["in a claim", "leased"]) {
    for (const outcome of ["succeeded", "pending"] as const) {
      test(`while a first delivery is ${kind} and its attempt ${outcome === "pending" ? "fails" : "succeeds"}: no answer is kept`, async () => {
        await createEndpoint(database.pool, ["*"], { tenant: "acme" });
        const daemon = randomUUID();
        const event = await insertPersonal();
        let held = (await claimAll(database.pool, { daemon })).map((pair) => resultOf(pair));
        if (kind === "leased") {
          await recordResults(database.pool, daemon, {
            first: held.map((result) => ({
              ...result,
              attempt: null,
              startedMs: result.startedMs,
              state: "pending",
              wait: 0,
            })),
          });
          held = (await walk(database.pool, { daemon })).leased.map((pair) => resultOf(pair));
        }
        assert.deepEqual(await rowsOf(database.pool, erase, [event]), [{ discarded: "0", in_flight: "1" }]);
        const results = held.map((result) => ({
          ...resultOf({ event: result.event, endpoint: result.endpoint }, { outcome }),
          claim: result.claim,
          headers: JSON.stringify({ name: SECRET }),
          body: SECRET,
          ...(outcome === "pending" ? { error: SECRET } : {}),
        }));
        await recordResults(database.pool, daemon, kind === "leased" ? { later: results } : { first: results });
        assert.doesNotMatch(await everything(), new RegExp(SECRET));
        assert.deepEqual(await rowsOf(database.pool, "select state from postrider.delivery"), [
          { state: outcome === "pending" ? "discarded" : "succeeded" },
        ]);
        await walk(database.pool);
        assert.equal(await askFor(database.pool, "select count(*)::int from postrider.cancellation"), 0);
      });
    }
  }

  test("crossing a record: what the record wrote is overwritten with the next walk", async (t) => {
    await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    const daemon = randomUUID();
    const event = await insertPersonal();
    const pairs = await claimAll(database.pool, { daemon });
    const recording = await openSession(t, database.url);
    await recording.query("begin");
    await recordResults(recording, daemon, { first: pairs.map((pair) => ({ ...resultOf(pair), body: SECRET })) });
    await database.pool.query(erase, [event]);
    await recording.query("commit");
    await walk(database.pool);
    assert.doesNotMatch(await everything(), new RegExp(SECRET));
  });

  test("crossing a lease: the daemon is told to send nothing, and keeps no answer", async (t) => {
    const endpoint = await createEndpoint(database.pool, [], { tenant: "acme" });
    const second = await createEndpoint(database.pool, [], { tenant: "acme" });
    const event = await insertPersonal();
    const addDelivery =
      "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', now())";
    await database.pool.query(addDelivery, [event, endpoint]);
    await walk(database.pool);
    await database.pool.query(addDelivery, [event, second]);
    const marking = await openSession(t, database.url);
    await marking.query("begin");
    await marking.query("insert into postrider.cancellation (event_id, endpoint_id, reason) values ($1, $2, 'x')", [
      event,
      endpoint,
    ]);
    const erasing = await openSession(t, database.url);
    const pid = await pidOf(erasing);
    const erased = erasing.query(erase, [event]);
    await waitsForLock(database.pool, pid);
    await walk(database.pool);
    await marking.query("commit");
    await erased;
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select distinct coalesce(c.reason, d.reason) as reason
         from postrider.delivery d left join postrider.cancellation c using (event_id, endpoint_id)`,
      ),
      [{ reason: "the event was erased" }],
    );
  });

  test("before it is claimed: no endpoint gets it", async () => {
    await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    await database.pool.query(erase, [await insertPersonal()]);
    assert.deepEqual(await claimAll(database.pool), []);
    assert.equal(await askFor(database.pool, UNCLAIMED), "0");
    assert.doesNotMatch(await everything(), new RegExp(SECRET));
  });

  test("of a tenant leaves out no event whose id an application made, of whatever time", async () => {
    for (const id of ["00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"]) {
      await database.pool.query(
        "insert into postrider.outbox (id, event_type, payload, tenant) values ($1, 'user.made', to_json($2::text), 'acme')",
        [id, SECRET],
      );
    }
    assert.deepEqual(await rowsOf(database.pool, "select erased, is_finished from postrider.erase_tenant('acme')"), [
      { erased: "2", is_finished: true },
    ]);
    assert.doesNotMatch(await everything(), new RegExp(SECRET));
  });

  test("of a tenant goes in steps, which the maintenance continues, and leaves other tenants alone", async () => {
    await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    await database.pool.query(
      `insert into postrider.outbox (event_type, payload, tenant)
       select 'user.made', to_json('${SECRET}'::text), case n % 2 when 0 then 'acme' else 'other' end from generate_series(1, 5000) n`,
    );
    const step = "select erased, is_finished from postrider.erase_tenant('acme')";
    const [first] = await rowsOf<{ erased: string; is_finished: boolean }>(database.pool, step);
    const erased = Number(first?.erased);
    // A step is of 2,000 events in the order of their ids, which within a millisecond is not that of the inserts.
    assert.deepEqual([erased > 500 && erased < 1_500, first?.is_finished], [true, false]);
    const later = await insertPersonal();
    const steps: number[] = [];
    for (let count = 0; count < 100; count++) {
      const [row] = await rowsOf<{ outcome: string; subject: string }>(
        database.pool,
        "select * from postrider.maintain()",
      );
      if (row === undefined) break;
      if (row.outcome === "erased") steps.push(Number(/^(\d+) events$/.exec(row.subject)?.[1]));
    }
    assert.deepEqual([steps.length, steps.reduce((sum, count) => sum + count, erased)], [2, 2500]);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select tenant, count(*)::int as events, count(erased_at)::int as erased from postrider.outbox group by tenant order by tenant",
      ),
      [
        { tenant: "acme", events: 2501, erased: 2500 },
        { tenant: "other", events: 2500, erased: 0 },
      ],
    );
    assert.equal(await askFor(database.pool, "select erased_at from postrider.outbox where id = $1", [later]), null);
    assert.deepEqual(
      await rowsOf(database.pool, "select detail from postrider.audit where action = 'erase_tenant' order by id"),
      [{ detail: { tenant: "acme" } }, { detail: { tenant: "acme", erased: 2500 } }],
    );
  });
});
