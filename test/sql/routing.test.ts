import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addEndpoints,
  askFor,
  type ClaimResult,
  claimAll,
  claimEvents,
  createEndpoint,
  deliveries,
  eventsOf,
  IN_A_WEEK,
  insertEvent,
  insertEvents,
  openSession,
  reset,
  rowsOf,
  type Session,
  subscribe,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

/** Searches the whole list once for each 1 in it, so its time grows with the square. */
const VISITS_EVERY_PAIR = "exists($.n[*] ? (@ == 1 && exists($.n[*] ? (@ == 2))))";

describe("an event goes to the subscriptions", () => {
  const cases: readonly {
    readonly pattern: string;
    readonly matches: readonly string[];
    readonly not: readonly string[];
  }[] = [
    { pattern: "order", matches: ["order"], not: ["order.paid", "orders", "Order"] },
    {
      pattern: "order.paid",
      matches: ["order.paid"],
      not: ["order", "order.paid.late", "order.paidx", "order.unpaid"],
    },
    { pattern: "order.*", matches: ["order.paid", "order.paid.late"], not: ["order", "orders.paid", "reorder.paid"] },
    { pattern: "a.b.c.*", matches: ["a.b.c.d", "a.b.c.d.e.f"], not: ["a.b.c", "a.b.x.d", "b.c.d", "a.b"] },
    {
      pattern: "*",
      matches: ["order", "order.paid", "a.b.c.d", "postriders.x"],
      not: ["postrider", "postrider.endpoint.disabled"],
    },
    { pattern: "postrider.*", matches: ["postrider.endpoint.disabled"], not: ["postrider", "order.paid"] },
    { pattern: "postrider.endpoint.disabled", matches: ["postrider.endpoint.disabled"], not: ["postrider.endpoint"] },
  ];
  for (const { pattern, matches, not } of cases) {
    test(`to ${pattern}: ${matches.join(", ")}; but not: ${not.join(", ")}`, async () => {
      await createEndpoint(database.pool, [pattern]);
      for (const eventType of [...not, ...matches]) await insertEvent(database.pool, eventType);
      const { pairs } = await claimEvents(database.pool);
      assert.deepEqual(
        pairs.map(({ eventType }) => eventType),
        matches,
      );
    });
  }

  test("of its tenant only", async () => {
    const none = await createEndpoint(database.pool, ["*"]);
    const acme = await createEndpoint(database.pool, ["order.*"], { tenant: "acme" });
    const other = await createEndpoint(database.pool, ["order.paid"], { tenant: "other" });
    const expected = [];
    for (const [tenant, endpoint] of [
      ["", none],
      ["acme", acme],
      ["other", other],
    ] as const) {
      expected.push([await insertEvent(database.pool, "order.paid", { tenant }), endpoint]);
    }
    await insertEvent(database.pool, "order.paid", { tenant: "nobody" });
    assert.deepEqual(pairsOf(await claimEvents(database.pool)), expected);
  });

  test("that exist when it is claimed, not when it was inserted", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.paid"]);
    const early = await insertEvent(database.pool, "order.paid");
    const late = await createEndpoint(database.pool, ["order.paid"]);
    await database.pool.query("delete from postrider.subscription where endpoint_id = $1", [endpoint]);
    assert.deepEqual(pairsOf(await claimEvents(database.pool)), [[early, late]]);
  });

  test("of one endpoint in one delivery, however many of them match", async () => {
    const endpoint = await createEndpoint(database.pool, ["*", "order.*", "order.paid", "order.paid"]);
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    const event = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 1}' });
    assert.deepEqual(pairsOf(await claimEvents(database.pool)), [[event, endpoint]]);
  });

  test("of every endpoint in one claim", async () => {
    const endpoints = [];
    for (let count = 0; count < 5; count++) endpoints.push(await createEndpoint(database.pool, ["order.*"]));
    const event = await insertEvent(database.pool, "order.paid");
    const result = await claimEvents(database.pool);
    assert.deepEqual(
      pairsOf(result).toSorted(),
      endpoints.toSorted().map((endpoint) => [event, endpoint]),
    );
    assert.deepEqual([...result.revisions.keys()].toSorted(), endpoints.toSorted());
  });
});

describe("a page of many kinds is routed as event_type_patterns says of each", () => {
  const types = [
    "a",
    "a.b",
    "a.b.c",
    "a.c",
    "b",
    "b.a.b.c.d",
    "ab.c",
    "postrider",
    "postrider.a",
    "postrider.a.b",
    "z",
  ];
  const patterns = [
    "a",
    "a.*",
    "a.b",
    "a.b.*",
    "a.b.c",
    "a.b.c.*",
    "b.*",
    "b.a.b.*",
    "*",
    "postrider.*",
    "postrider.a",
  ];

  /**
   * Of two tenants, with endpoints for every pattern, for some, and for none; one is disabled, of which an event of our own
   * tells. Returns how many events there are.
   */
  async function prepare(): Promise<number> {
    for (const tenant of ["", "acme"]) {
      for (const pattern of patterns) await createEndpoint(database.pool, [pattern], { tenant });
    }
    await createEndpoint(database.pool, ["*", "a.*", "a.b", "b"]);
    const disabled = await createEndpoint(database.pool, ["a.*", "b"]);
    await database.pool.query("update postrider.endpoint set state = 'disabled' where id = $1", [disabled]);
    for (let round = 0; round < 3; round++) {
      for (const tenant of ["", "acme", "nobody"]) {
        for (const type of types) await insertEvent(database.pool, type, { tenant });
      }
    }
    return Number(await askFor(database.pool, "select count(*) from postrider.outbox"));
  }

  async function expected(): Promise<unknown[][]> {
    const rows = await rowsOf<{ event: string; endpoint: string }>(
      database.pool,
      `select distinct o.id as event, s.endpoint_id as endpoint
       from postrider.outbox o
       join postrider.subscription s
         on s.tenant = o.tenant and s.event_type = any (postrider_internal.event_type_patterns(o.event_type))
       join postrider.endpoint e on e.id = s.endpoint_id and e.state = 'active'`,
    );
    return rows.map(({ event, endpoint }) => [event, endpoint]).toSorted();
  }

  test("in one claim, from memory", async () => {
    const events = await prepare();
    const result = await claimEvents(database.pool);
    assert.equal(events, 9 * types.length + 1);
    assert.equal(result.eventCount, events);
    assert.deepEqual(pairsOf(result).toSorted(), await expected());
  });

  for (const room of [1, 7, 40]) {
    test(`in claims with room for ${room}`, async () => {
      const count = await prepare();
      const pairs: unknown[][] = [];
      for (let claimed = 0; claimed < count; ) {
        const result = await claimEvents(database.pool, { pairs: room });
        const events = new Set(result.pairs.map(({ event }) => event));
        assert.ok(result.pairs.length <= room || events.size === 1);
        claimed += result.eventCount ?? 0;
        pairs.push(...pairsOf(result));
      }
      assert.deepEqual(pairs.toSorted(), await expected());
    });
  }

  test("if one of the rules has a filter, and another endpoint is paused", async () => {
    await prepare();
    const filtered = await createEndpoint(database.pool, []);
    await subscribe(database.pool, filtered, "a.b.*", "$.never > 1");
    const paused = await createEndpoint(database.pool, ["z"]);
    await database.pool.query("update postrider.endpoint set state = 'paused' where id = $1", [paused]);
    const isFiltered = ([, endpoint]: unknown[]) => endpoint === filtered;
    assert.deepEqual(
      (await allPairs()).toSorted(),
      (await expected()).filter((pair) => !isFiltered(pair)),
    );
    assert.equal((await pendingPairs()).length, 3);
  });
});

describe("a filter lets an event through", () => {
  const payload = '{"amount": 150, "status": "paid", "items": [{"sku": "a"}, {"sku": "b"}], "note": null}';
  for (const [filter, isMatch] of [
    ["$.amount > 100", true],
    ["$.amount > 200", false],
    ['$.status == "paid" && $.amount < 200', true],
    ['$.items[*].sku == "b"', true],
    ["exists($.refund)", false],
    ["exists($.note)", true],
    // The result is unknown, that is null: a text compared with a number, and a missing member.
    ["$.status > 100", false],
    ["strict $.absent.member > 1", false],
    ["$.note == null", true],
  ] as const) {
    test(`${filter}: ${isMatch ? "yes" : "no"}`, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      await subscribe(database.pool, endpoint, "order.*", filter);
      const event = await insertEvent(database.pool, "order.paid", { payload });
      assert.deepEqual(pairsOf(await claimEvents(database.pool)), isMatch ? [[event, endpoint]] : []);
      assert.deepEqual(await deliveries(database.pool), []);
    });
  }

  test("if any of the endpoint's filters does", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    await subscribe(database.pool, endpoint, "order.paid", "$.amount < 10");
    await subscribe(database.pool, endpoint, "*", '$.status == "lost"');
    const events = [];
    for (const amount of [5, 50, 500]) {
      events.push(await insertEvent(database.pool, "order.paid", { payload: `{"amount": ${amount}}` }));
    }
    assert.deepEqual(await allPairs(), [
      [events[0], endpoint],
      [events[2], endpoint],
    ]);
  });
});

describe("what Postgres cannot judge", () => {
  const deep = `${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`;
  const hostile: readonly { readonly name: string; readonly payload: string; readonly reason: RegExp }[] = [
    { name: "a NUL in a text", payload: '{"amount":"\\u0000"}', reason: /unsupported Unicode escape sequence/ },
    { name: "half of a surrogate pair", payload: '{"amount":"\\ud800"}', reason: /invalid input syntax for type json/ },
    { name: "a number beyond numeric", payload: '{"amount":1e400000}', reason: /value overflows numeric format/ },
  ];
  for (const { name, payload, reason } of hostile) {
    test(`(${name}) is discarded for that endpoint with the reason, and stops nothing else`, async () => {
      const filtered = await createEndpoint(database.pool, []);
      await subscribe(database.pool, filtered, "order.*", "$.amount > 100");
      await subscribe(database.pool, filtered, "order.paid", "$.amount < 0");
      const unfiltered = await createEndpoint(database.pool, ["order.*"]);
      const both = await createEndpoint(database.pool, ["order.paid"]);
      await subscribe(database.pool, both, "order.*", "$.amount > 100");
      const bad = await insertEvent(database.pool, "order.paid", { payload });
      const good = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500}' });
      const pairs = await claimAll(database.pool);
      assert.deepEqual(
        pairs.map(({ event, endpoint }) => `${event} ${endpoint}`).toSorted(),
        [
          `${bad} ${unfiltered}`,
          `${bad} ${both}`,
          `${good} ${filtered}`,
          `${good} ${unfiltered}`,
          `${good} ${both}`,
        ].toSorted(),
      );
      assert.equal(pairs.find(({ event }) => event === bad)?.payload, payload);
      const [discarded, ...others] = await deliveries(database.pool);
      assert.deepEqual(others, []);
      assert.deepEqual([discarded?.event, discarded?.endpoint, discarded?.state], [bad, filtered, "discarded"]);
      assert.match(discarded?.reason ?? "", reason);
      assert.match(discarded?.reason ?? "", /^no filter can be applied to the payload: /);
    });
  }

  test("(a nesting too deep) is discarded for that endpoint, and stops nothing else", async () => {
    // How deep is too deep depends on the server's stack: this session's is made small enough.
    const client = await database.pool.connect();
    try {
      await client.query("set max_stack_depth = '100kB'");
      const filtered = await createEndpoint(client, []);
      await subscribe(client, filtered, "order.*", "$.amount > 100");
      const good = await insertEvent(client, "order.paid", { payload: '{"amount": 500}' });
      await client.query("reset max_stack_depth");
      const bad = await insertEvent(client, "order.paid", { payload: deep });
      await client.query("set max_stack_depth = '100kB'");
      assert.deepEqual(await allPairs(client), [[good, filtered]]);
      const [discarded] = await deliveries(client);
      assert.deepEqual([discarded?.event, discarded?.state], [bad, "discarded"]);
      assert.match(discarded?.reason ?? "", /stack depth limit exceeded/);
    } finally {
      client.release(true);
    }
  });

  test("(a date compared with a time that has a zone) is discarded for that endpoint, and stops nothing else", async () => {
    const filtered = await createEndpoint(database.pool, []);
    await subscribe(database.pool, filtered, "order.*", '$.at.datetime() < "2030-01-01T00:00:00+00".datetime()');
    const bad = await insertEvent(database.pool, "order.paid", { payload: '{"at": "2026-01-01"}' });
    const good = await insertEvent(database.pool, "order.paid", { payload: '{"at": "2026-01-01T00:00:00+00"}' });
    assert.deepEqual(await allPairs(), [[good, filtered]]);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ event, state }) => [event, state]),
      [[bad, "discarded"]],
    );
  });

  test("(a filter with a variable that is never set) does not match or is discarded for that endpoint, and stops nothing else", async () => {
    const filtered = await createEndpoint(database.pool, []);
    // It is refused when it is made. This one has escaped that.
    await database.pool.query("alter table postrider.subscription disable trigger subscription_changing");
    await database.pool.query(
      `insert into postrider.subscription (endpoint_id, tenant, event_type, filter) values ($1, '', 'order.*', 'exists($.a ? (@ == $x))')`,
      [filtered],
    );
    await database.pool.query("alter table postrider.subscription enable trigger subscription_changing");
    const bad = await insertEvent(database.pool, "order.paid", { payload: '{"a": 1}' });
    await insertEvent(database.pool, "order.paid", { payload: "{}" });
    assert.deepEqual(await allPairs(), []);
    // Before version 17 Postgres treats such a variable as null, so the filter does not match.
    const version = Number(await askFor(database.pool, "show server_version_num"));
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ event, state }) => [event, state]),
      version < 170_000 ? [] : [[bad, "discarded"]],
    );
  });

  test("is delivered all the same if another filter of the endpoint says yes", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.*", '$.at.datetime() < "2030-01-01".datetime()');
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    const event = await insertEvent(database.pool, "order.paid", { payload: '{"at": "no date", "amount": 500}' });
    assert.deepEqual(await allPairs(), [[event, endpoint]]);
  });
});

describe("a filter", () => {
  const MIB = 1_048_576;
  const ofBytes = (bytes: number) => `{"amount":500,"text":"${"x".repeat(bytes - 24)}"}`;

  test("is not applied to a payload beyond a megabyte: that delivery is discarded with its size, the others are made", async () => {
    const filtered = await createEndpoint(database.pool, []);
    await subscribe(database.pool, filtered, "report.*", "$.amount > 100");
    const unfiltered = await createEndpoint(database.pool, ["report.made"]);
    // One that compresses well and one that does not. Neither may be read as jsonb.
    const flat = await insertEvent(database.pool, "report.made", { payload: ofBytes(MIB + 1) });
    const largest = await insertEvent(database.pool, "report.made", { payload: ofBytes(MIB) });
    const random = `{"amount":500,"text":"${randomBytes(MIB).toString("base64")}"}`;
    const dense = await insertEvent(database.pool, "report.made", { payload: random });
    const pairs = await claimAll(database.pool);
    assert.deepEqual(
      pairs.map(({ event, endpoint }) => `${event} ${endpoint}`).toSorted(),
      [flat, largest, dense]
        .map((event) => `${event} ${unfiltered}`)
        .concat(`${largest} ${filtered}`)
        .toSorted(),
    );
    const [ofFlat, ofDense, ...others] = await deliveries(database.pool);
    assert.deepEqual(others, []);
    for (const [row, event] of [
      [ofFlat, flat],
      [ofDense, dense],
    ] as const) {
      assert.deepEqual([row?.event, row?.endpoint, row?.state], [event, filtered, "discarded"]);
    }
    assert.equal(ofFlat?.reason, `the payload has ${MIB + 1} bytes, and filters are applied up to ${MIB}`);
    // This one is not read only to learn its exact size.
    assert.match(
      ofDense?.reason ?? "",
      /^the payload has more than 1\d{6} bytes, and filters are applied up to 1048576$/,
    );
  });

  test("that compares two paths is not applied if a payload has a long list, because nothing could interrupt it", async () => {
    const comparing = await createEndpoint(database.pool, []);
    await subscribe(database.pool, comparing, "order.*", "$.few > $.many");
    const other = await createEndpoint(database.pool, []);
    await subscribe(database.pool, other, "order.*", "$.few[*] == 1");
    const payloadOf = (length: number) =>
      JSON.stringify({ few: Array(length).fill(1), many: Array(length).fill(0), text: "x".repeat(10_000) });
    const short = await insertEvent(database.pool, "order.paid", { payload: payloadOf(1_000) });
    const long = await insertEvent(database.pool, "order.paid", { payload: payloadOf(1_001) });
    assert.deepEqual(
      (await allPairs()).toSorted(),
      [
        [short, comparing],
        [short, other],
        [long, other],
      ].toSorted(),
    );
    const [discarded] = await deliveries(database.pool);
    assert.deepEqual([discarded?.event, discarded?.endpoint, discarded?.state], [long, comparing, "discarded"]);
    assert.match(discarded?.reason ?? "", /compares two paths, and the payload has a list of more than 1000$/);
  });

  test("that takes too long ends the page before its event, and is named; without it the event is claimed for all others", async (t) => {
    const slow = await createEndpoint(database.pool, []);
    await subscribe(database.pool, slow, "order.*", VISITS_EVERY_PAIR);
    const filtered = await createEndpoint(database.pool, []);
    await subscribe(database.pool, filtered, "order.*", "$.n[0] == 1");
    const session = await openSession(t, database.url);
    await session.query("set statement_timeout = '2s'");
    // The first filters of a session are slow on a busy machine, and would end the page as well.
    await insertEvent(database.pool, "order.paid", { payload: "{}" });
    await claimAll(session);
    const before = await insertEvent(database.pool, "order.paid", { payload: '{"n":[1,2]}' });
    const event = await insertEvent(database.pool, "order.paid", { payload: `{"n":[${"1,".repeat(30_000)}1]}` });
    const after = await insertEvent(database.pool, "order.paid", { payload: '{"n":[1,2]}' });
    const first = await claimEvents(session);
    assert.deepEqual([first.outcome, first.eventCount, first.slow], ["page", 1, { event, endpoint: slow }]);
    assert.deepEqual(
      pairsOf(first).toSorted(),
      [
        [before, slow],
        [before, filtered],
      ].toSorted(),
    );
    const second = await claimEvents(session);
    assert.deepEqual([second.outcome, second.claim, second.slow], ["slow", null, { event, endpoint: slow }]);
    const third = await claimEvents(session, { unjudged: [slow], unjudgedEvents: [event] });
    assert.deepEqual([third.outcome, third.eventCount, third.slow], ["complete", 2, null]);
    assert.deepEqual(
      pairsOf(third).toSorted(),
      [
        [event, filtered],
        [after, filtered],
        [after, slow],
      ].toSorted(),
    );
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ event, endpoint, state, reason }) => [event, endpoint, state, reason]),
      [[event, slow, "discarded", "the filters of this endpoint took too long"]],
    );
  });

  /** What judge_filters says of filters that match, in the order in which they are applied, if each application takes so long. */
  async function judgeTaking(t: TestContext, filters: number, times: readonly string[]): Promise<unknown[]> {
    const session = await openSession(t, database.url);
    await session.query(`
      begin;
      create sequence public.applied;
      create function public.took() returns interval language sql volatile
        as $took$ select ('{${times.join(",")}}'::interval[])[nextval('public.applied')::integer] $took$;
      do $replace$ begin
        execute replace(pg_get_functiondef('postrider_internal.judge_filters'::regproc),
          'clock_timestamp() - filter_started', 'public.took()');
      end $replace$`);
    const judged = await rowsOf(session, MATCHING, [filters]);
    await session.query("rollback");
    return judged;
  }

  const MATCHING = `
    select is_slow, problem
    from postrider_internal.judge_filters('{"n": 1}', array_fill(gen_random_uuid(), array[$1::integer]),
      array_fill('$.n == 1'::jsonpath, array[$1]))`;

  const matches = { is_slow: false, problem: null };

  test("that takes too long is blamed only if it does so twice in a row, because a server may stand still", async (t) => {
    assert.deepEqual(await judgeTaking(t, 1, ["600 ms", "1 ms"]), [matches]);
    assert.deepEqual(await judgeTaking(t, 1, ["600 ms", "600 ms"]), [matches, { is_slow: true, problem: null }]);
    assert.deepEqual(await judgeTaking(t, 2, ["600 ms", "1 ms", "600 ms", "1 ms"]), [matches, matches]);
  });

  test("is not applied once those before it took a second, without the one that took longest", async (t) => {
    const [first, ...rest] = (await judgeTaking(t, 5, Array(5).fill("490 ms"))).toReversed();
    assert.deepEqual(rest, Array(4).fill(matches));
    assert.deepEqual(first, {
      is_slow: false,
      problem: "the filters of the endpoints before it took longer than a second with this payload",
    });
    assert.deepEqual(await judgeTaking(t, 4, ["600 ms", "400 ms", "490 ms", "400 ms", "1 ms"]), Array(4).fill(matches));
  });

  test("is applied however long the payload took to read", async (t) => {
    const session = await openSession(t, database.url);
    await session.query(`
      begin;
      do $stall$ begin
        execute replace(pg_get_functiondef('postrider_internal.judge_filters'::regproc),
          'document := payload::jsonb', 'document := payload::jsonb; perform pg_sleep(1.1)');
      end $stall$`);
    assert.deepEqual(await rowsOf(session, MATCHING, [1]), [matches]);
  });

  test("of an endpoint that is left out is applied to no event, and no filter is if all are left out", async () => {
    const [one, other] = [await createEndpoint(database.pool, []), await createEndpoint(database.pool, [])];
    for (const endpoint of [one, other]) await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    const plain = await createEndpoint(database.pool, ["order.*"]);
    const first = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500}' });
    assert.deepEqual(
      pairsOf(await claimEvents(database.pool, { unjudged: [one] })).toSorted(),
      [
        [first, other],
        [first, plain],
      ].toSorted(),
    );
    const second = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500}' });
    assert.deepEqual(pairsOf(await claimEvents(database.pool, { unjudged: null })), [[second, plain]]);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ event, endpoint }) => `${event} ${endpoint}`),
      [`${first} ${one}`, ...[one, other].toSorted().map((endpoint) => `${second} ${endpoint}`)],
    );
  });
});

describe("a page ends early", () => {
  test("if its filters have taken long, and the next one continues from there", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.*", `!(${VISITS_EVERY_PAIR})`);
    // Some milliseconds each.
    const payload = `{"n":[${"1,".repeat(300)}1]}`;
    await database.pool.query(
      "insert into postrider.outbox (event_type, payload) select 'order.paid', $1 from generate_series(1, 300)",
      [payload],
    );
    const first = await claimEvents(database.pool, { events: 400 });
    assert.equal(first.outcome, "page");
    assert.ok(first.eventCount >= 1 && first.eventCount < 300, `${first.eventCount} events`);
    // On a busy machine it ends early, too.
    const second = await claimEvents(database.pool, { events: 2 });
    assert.ok(second.eventCount >= 1);
    const ids = await rowsOf<{ id: string }>(database.pool, "select id from postrider.outbox order by xid, seq");
    assert.deepEqual(
      [...eventsOf(first.pairs), ...eventsOf(second.pairs)],
      ids.slice(0, first.eventCount + second.eventCount).map(({ id }) => id),
    );
  });

  test("if its events have very many deliveries, after one event at least", async (t) => {
    // Quicker than deleting thousands, and refused unless the triggers are switched off.
    t.after(() =>
      database.pool.query(
        "set session_replication_role = replica; truncate postrider.endpoint cascade; reset session_replication_role",
      ),
    );
    await addEndpoints(database.pool, 4_000, "'order.*'");
    const narrow = await createEndpoint(database.pool, ["user.made"]);
    const user = await insertEvent(database.pool, "user.made");
    for (let count = 0; count < 3; count++) await insertEvent(database.pool, "order.paid");
    const pages = [];
    for (const fanOut of [200, 5_000]) {
      const { outcome, eventCount, queuedCount, pairs } = await claimEvents(database.pool, { fanOut, pairs: 1_000 });
      pages.push([outcome, eventCount, queuedCount, pairs.length]);
    }
    assert.deepEqual(pages, [
      ["page", 3, 7_600, 401],
      ["complete", 1, 0, 4_000],
    ]);
    assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.delivery"), 7_600);
    assert.deepEqual(
      await rowsOf(database.pool, "select from postrider.delivery where event_id = $1 or endpoint_id = $2", [
        user,
        narrow,
      ]),
      [],
    );
    await database.pool.query("update postrider.subscription set event_type = 'all.*' where event_type = 'user.made'");
    await addEndpoints(database.pool, 7_000, "'order.paid'");
    for (let count = 0; count < 2; count++) await insertEvent(database.pool, "order.paid");
    const widest = await claimEvents(database.pool);
    assert.deepEqual([widest.outcome, widest.eventCount, widest.queuedCount], ["page", 1, 10_800]);
    assert.equal(widest.revisions.size, 200, "endpoints that wait in the queue do not pass through the daemon");
  });
});

describe("an endpoint that is", () => {
  test("disabled gets nothing", async () => {
    await createEndpoint(database.pool, ["*"], { state: "disabled" });
    await insertEvent(database.pool, "order.paid");
    assert.deepEqual(pairsOf(await claimEvents(database.pool)), []);
    assert.deepEqual(await deliveries(database.pool), []);
  });

  test("paused gets its deliveries pending and due, through its filters", async () => {
    const endpoint = await createEndpoint(database.pool, [], { state: "paused" });
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    await insertEvent(database.pool, "order.paid", { payload: '{"amount": 1}' });
    const event = await insertEvent(database.pool, "order.paid", { payload: '{"amount": 500}' });
    assert.deepEqual(await claimAll(database.pool), []);
    assert.deepEqual(await pendingPairs(), [[event, endpoint]]);
    assert.equal(await askFor(database.pool, "select next_attempt_at <= now() from postrider.delivery"), true);
  });
});

describe("a delivery is written to the queue", () => {
  test("if deliver_at is still to come, for that time, and goes out at once if it has passed", async () => {
    const endpoint = await createEndpoint(database.pool);
    const later = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    const now = await insertEvent(database.pool, "order.paid", { deliverAt: "2020-01-01T00:00:00Z" });
    assert.deepEqual(pairsOf(await claimEvents(database.pool)), [[now, endpoint]]);
    assert.deepEqual(
      await rowsOf(database.pool, "select event_id, state, next_attempt_at = $1 as on_time from postrider.delivery", [
        IN_A_WEEK,
      ]),
      [{ event_id: later, state: "pending", on_time: true }],
    );
  });

  test("if an event has more endpoints than the limit, for those beyond it", async () => {
    const paused = await createEndpoint(database.pool, ["order.*"], { state: "paused" });
    const endpoints = [];
    for (let count = 0; count < 4; count++) endpoints.push(await createEndpoint(database.pool, ["order.*"]));
    const narrow = await createEndpoint(database.pool, ["user.*"]);
    const wideEvent = await insertEvent(database.pool, "order.paid");
    const narrowEvent = await insertEvent(database.pool, "user.made");
    const result = await claimEvents(database.pool, { fanOut: 3 });
    assert.deepEqual([result.eventCount, result.pairs.length, result.queuedCount], [2, 4, 2]);
    assert.deepEqual(pairsOf(result).at(-1), [narrowEvent, narrow]);
    assert.deepEqual(
      [...result.revisions.keys()].toSorted(),
      result.pairs.map(({ endpoint }) => endpoint).toSorted(),
      "no others are loaded",
    );
    const pending = await pendingPairs();
    assert.deepEqual(
      [...pending, ...pairsOf(result).slice(0, 3)].toSorted(),
      [paused, ...endpoints].map((endpoint) => [wideEvent, endpoint]).toSorted(),
    );
    assert.ok(pending.some(([, endpoint]) => endpoint === paused));
  });

  test("and not if it has just as many as the limit", async () => {
    for (let count = 0; count < 3; count++) await createEndpoint(database.pool, ["order.*"]);
    await insertEvent(database.pool, "order.paid");
    assert.equal((await claimEvents(database.pool, { fanOut: 3 })).pairs.length, 3);
  });
});

describe("a page ends where the daemon's room ends", () => {
  /** Three events, each for two active endpoints. */
  const arrange = async () => {
    for (let count = 0; count < 2; count++) await createEndpoint(database.pool, ["order.*"]);
    const events = await insertEvents(database.pool, "order.paid", 3);
    return events.flatMap((event) => [event, event]);
  };

  for (const [room, first, second] of [
    [6, 6, 0],
    [5, 4, 2],
    [4, 4, 2],
    [3, 2, 2],
  ] as const) {
    test(`of ${room}, before the event with which it would have more, and the next begins there`, async () => {
      const events = await arrange();
      const one = await claimEvents(database.pool, { pairs: room });
      const two = await claimEvents(database.pool, { pairs: room });
      assert.deepEqual([one.outcome, two.outcome], second === 0 ? ["complete", "empty"] : ["page", two.outcome]);
      assert.deepEqual([one.pairs.length, one.eventCount, two.pairs.length], [first, first / 2, second]);
      assert.deepEqual(
        [...one.pairs, ...two.pairs].map(({ event }) => event),
        events.slice(0, first + second),
      );
      assert.deepEqual(await deliveries(database.pool), [], "nothing is written to the queue for want of room");
    });
  }

  test("counting what its filters let through, and not what the queue gets", async () => {
    const active = await createEndpoint(database.pool, ["order.*"]);
    await createEndpoint(database.pool, ["order.*"], { state: "paused" });
    const filtered = await createEndpoint(database.pool, []);
    await subscribe(database.pool, filtered, "order.*", "$.amount > 100");
    const events: string[] = [];
    for (const amount of [1, 500, 1, 1, 500]) {
      events.push(await insertEvent(database.pool, "order.paid", { payload: `{"amount": ${amount}}` }));
    }
    const { outcome, eventCount, queuedCount, pairs } = await claimEvents(database.pool, { pairs: 5 });
    assert.deepEqual([outcome, eventCount, queuedCount], ["page", 4, 4]);
    assert.deepEqual(pairs.map(({ event, endpoint }) => [events.indexOf(event), endpoint === active]).toSorted(), [
      [0, true],
      [1, false],
      [1, true],
      [2, true],
      [3, true],
    ]);
    assert.equal((await claimEvents(database.pool, { pairs: 5 })).pairs.length, 2);
  });

  for (const isFiltered of [false, true]) {
    test(`but takes one event whole, whatever the room is${isFiltered ? ", filters or not" : ""}`, async () => {
      for (let count = 0; count < 3; count++) {
        const endpoint = await createEndpoint(database.pool, []);
        await subscribe(database.pool, endpoint, "order.*", isFiltered ? "$.a == 1" : null);
      }
      for (let count = 0; count < 2; count++) await insertEvent(database.pool, "order.paid", { payload: '{"a": 1}' });
      const { outcome, pairs } = await claimEvents(database.pool, { pairs: 0 });
      assert.deepEqual([outcome, pairs.length], ["page", 3]);
      assert.deepEqual(await deliveries(database.pool), []);
    });
  }
});

test("the claim's row holds the pairs that the daemon got, and no others", async () => {
  const daemon = "00000000-0000-7000-8000-00000000000a";
  await createEndpoint(database.pool, ["order.*"]);
  await createEndpoint(database.pool, ["order.*"]);
  await createEndpoint(database.pool, ["order.*"], { state: "paused" });
  await createEndpoint(database.pool, ["order.*"], { state: "disabled" });
  await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
  for (let count = 0; count < 3; count++) await insertEvent(database.pool, "order.paid");
  const result = await claimEvents(database.pool, { daemon });
  assert.equal(result.pairs.length, 6);
  const held = await rowsOf<{ event: string; endpoint: string }>(
    database.pool,
    `select p.event, p.endpoint from postrider.claim c, unnest(c.event_ids, c.endpoint_ids) p (event, endpoint)
     where c.id = $1 and c.daemon_id = $2`,
    [result.claim, daemon],
  );
  assert.deepEqual(
    held.map(({ event, endpoint }) => `${event} ${endpoint}`).toSorted(),
    pairsOf(result)
      .map((pair) => pair.join(" "))
      .toSorted(),
  );
});

/** Of as many claims as it takes: a page ends early if its filters take long, and on a busy machine they may. */
async function allPairs(session: Session = database.pool): Promise<string[][]> {
  return pairsOf({ pairs: await claimAll(session) });
}

function pairsOf(result: Pick<ClaimResult, "pairs">): string[][] {
  return result.pairs.map(({ event, endpoint }) => [event, endpoint]);
}

async function pendingPairs(): Promise<string[][]> {
  return (await deliveries(database.pool))
    .filter(({ state }) => state === "pending")
    .map(({ event, endpoint }) => [event, endpoint]);
}
