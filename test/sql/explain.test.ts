import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { EVENT, FORMATS } from "../format/formatted.ts";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  beat,
  claimAll,
  claimEvents,
  createEndpoint,
  IN_A_WEEK,
  insertEvent,
  insertEvents,
  openSession,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  subscribe,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Explained {
  readonly endpoint_id: string | null;
  readonly name: string | null;
  readonly url: string | null;
  readonly endpoint_state: string | null;
  readonly outcome: string;
  readonly explanation: string;
  readonly would_match_now: boolean;
  readonly now_explanation: string;
}

function explain(event: string): Promise<Explained[]> {
  return rowsOf<Explained>(
    database.pool,
    `select endpoint_id, name, url, endpoint_state, outcome, explanation, would_match_now, now_explanation
     from postrider.explain_event($1)`,
    [event],
  );
}

async function explainOne(event: string): Promise<Explained> {
  const [row, ...others] = await explain(event);
  assert.ok(row !== undefined && others.length === 0, "one endpoint was expected");
  return row;
}

describe("explain_event says that no endpoint could get the event:", () => {
  const none = { endpoint_id: null, name: null, url: null, endpoint_state: null, would_match_now: false };

  test("there is none at all", async () => {
    const event = await insertEvent(database.pool, "order.paid");
    const lack = "there is no endpoint without a tenant, as the event is";
    const row = { ...none, outcome: "not claimed", now_explanation: lack };
    assert.deepEqual(await explain(event), [
      { ...row, explanation: `no daemon has claimed the event yet, and ${lack}` },
    ]);
    await claimAll(database.pool);
    assert.deepEqual(await explain(event), [{ ...row, outcome: "not matched", explanation: lack }]);
  });

  test("its tenant has none, and others have", async () => {
    const { pool } = database;
    for (const tenant of ["", "acme", "b", "c", "d"]) await createEndpoint(pool, ["order.*"], { tenant });
    const events: string[] = [];
    for (const tenant of ["Acme", "someone", "x"]) events.push(await insertEvent(pool, "order.paid", { tenant }));
    await claimAll(pool);
    const explanations = (await Promise.all(events.map(explain))).flat().map(({ explanation }) => explanation);
    assert.deepEqual(explanations, [
      "there is no endpoint of its tenant, 'Acme'; did you mean the tenant 'acme'?",
      "there is no endpoint of its tenant, 'someone'; there are endpoints of other tenants: '', 'acme', 'b' and others",
      "there is no endpoint of its tenant, 'x'; there are endpoints of other tenants: '', 'acme', 'b' and others",
    ]);
  });

  test("it was deleted, but the event had reached it", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, ["order.*"]);
    const daemon = randomUUID();
    const event = await insertEvent(pool, "order.paid");
    const { pairs } = await claimEvents(pool, { daemon });
    await recordResults(pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
    await pool.query("delete from postrider.endpoint where id = $1", [endpoint]);
    const [row, ...others] = await explain(event);
    assert.deepEqual([row?.endpoint_id, row?.outcome, others.length], [endpoint, "succeeded", 0]);
  });
});

test("explain_event shows an endpoint's name, and its URL without secrets, also after it moved to another tenant", async () => {
  const { pool } = database;
  await pool.query(
    "select postrider.create_endpoint('http://receiver.test/hooks?token=s3cret', options => '{\"name\": \"billing\"}')",
  );
  const daemon = randomUUID();
  const event = await insertEvent(pool, "order.paid");
  const { pairs } = await claimEvents(pool, { daemon });
  await recordResults(pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
  const shown = async () => {
    const { name, url } = await explainOne(event);
    return { name, url };
  };
  const expected = { name: "billing", url: "http://receiver.test/hooks" };
  assert.deepEqual(await shown(), expected);
  await pool.query("update postrider.endpoint set tenant = 'acme'");
  assert.deepEqual(await shown(), expected);
});

describe("explain_event says what became of a delivery:", () => {
  /** An event that a live daemon has claimed for one endpoint; the delivery is in hand. */
  async function inHand() {
    const daemon = randomUUID();
    await beat(database.pool, daemon);
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    const event = await insertEvent(database.pool, "order.paid");
    const [pair] = (await claimEvents(database.pool, { daemon })).pairs;
    assert.ok(pair !== undefined);
    return { daemon, endpoint, event, pair };
  }
  const cases: readonly {
    readonly outcome: string;
    readonly arrange: (given: Awaited<ReturnType<typeof inHand>>) => Promise<unknown>;
    readonly explanation: RegExp;
  }[] = [
    { outcome: "in flight", arrange: async () => {}, explanation: /^attempt 1 is in progress$/ },
    {
      outcome: "succeeded",
      arrange: ({ daemon, pair }) => recordResults(database.pool, daemon, { first: [resultOf(pair)] }),
      explanation: /^delivered \d{4}-.*, with attempt 1$/,
    },
    {
      outcome: "exhausted",
      arrange: ({ daemon, pair }) =>
        recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "exhausted" })] }),
      explanation: /^the retry schedule was used up .*, after 1 attempt; the last one: the receiver answered 500$/,
    },
    {
      outcome: "retrying",
      arrange: ({ daemon, pair }) =>
        recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "pending" })] }),
      explanation: /^1 attempt failed, the last one: the receiver answered 500; the next one is due \d{4}-/,
    },
    {
      outcome: "discarded",
      arrange: async ({ daemon, pair, event, endpoint }) => {
        await recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "pending" })] });
        await database.pool.query("select postrider.cancel($1, $2, 'a mistake')", [event, endpoint]);
      },
      explanation: /^discarded .*, after 1 attempt: cancelled: a mistake$/,
    },
    {
      outcome: "cancelled",
      arrange: ({ event, endpoint }) => database.pool.query("select postrider.cancel($1, $2)", [event, endpoint]),
      explanation: /^cancelled while an attempt is in progress/,
    },
    {
      outcome: "paused",
      arrange: async ({ daemon, pair, endpoint }) => {
        await recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "pending" })] });
        await database.pool.query("select postrider.pause_endpoint($1, 'their maintenance')", [endpoint]);
      },
      explanation: /^waits because the endpoint has been paused since .*: their maintenance$/,
    },
    {
      outcome: "deferred",
      arrange: ({ daemon, pair }) =>
        recordResults(database.pool, daemon, {
          first: [resultOf(pair, { attempt: null, outcome: "pending", wait: 0 })],
        }),
      explanation: /^due, and waits for a daemon to have room for it$/,
    },
    {
      outcome: "deferred",
      arrange: async ({ daemon, pair }) => {
        await recordResults(database.pool, daemon, {
          first: [resultOf(pair, { attempt: null, outcome: "pending", wait: 0 })],
        });
        await beat(database.pool, daemon, -1);
      },
      explanation: /^due, and no daemon is alive to send it$/,
    },
  ];
  for (const { outcome, arrange, explanation } of cases) {
    test(`${outcome}, ${explanation.source}`, async () => {
      const given = await inHand();
      await arrange(given);
      const row = await explainOne(given.event);
      assert.deepEqual([row.endpoint_id, row.url, row.outcome], [given.endpoint, "http://receiver.test/", outcome]);
      assert.match(row.explanation, explanation);
      assert.equal(row.would_match_now, true);
    });
  }

  test("scheduled", async () => {
    await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    await claimAll(database.pool);
    const row = await explainOne(event);
    assert.equal(row.outcome, "scheduled");
    assert.ok(row.explanation.startsWith(`its first attempt is due ${IN_A_WEEK.slice(0, 10)} `), row.explanation);
  });

  test("discarded, because its filter could not be applied", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    const event = await insertEvent(database.pool, "order.paid", { payload: '{"amount": "\\u0000"}' });
    await claimAll(database.pool);
    const row = await explainOne(event);
    assert.match(row.explanation, /^discarded .*: no filter can be applied to the payload: unsupported Unicode/);
    assert.equal(row.would_match_now, false);
    assert.match(row.now_explanation, /^the filter .* cannot be applied to the payload: unsupported Unicode/);
  });

  test("also for an endpoint that has since been deleted or moved to another tenant", async () => {
    const [gone, moved] = [await createEndpoint(database.pool), await createEndpoint(database.pool)];
    const event = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool, { fanOut: 0 });
    await database.pool.query("delete from postrider.endpoint where id = $1", [gone]);
    await database.pool.query("update postrider.endpoint set tenant = 'acme' where id = $1", [moved]);
    const rows = new Map((await explain(event)).map((row) => [row.endpoint_id, row]));
    assert.deepEqual(
      [rows.get(gone)?.endpoint_state, rows.get(gone)?.url, rows.get(gone)?.now_explanation],
      ["deleted", null, "the endpoint was deleted"],
    );
    assert.match(rows.get(gone)?.explanation ?? "", /^discarded .*: the endpoint was deleted$/);
    assert.deepEqual(
      [rows.get(moved)?.endpoint_state, rows.get(moved)?.outcome, rows.get(moved)?.now_explanation],
      ["active", "deferred", "the endpoint has moved to the tenant 'acme'"],
    );
  });
});

describe("explain_event says why an event did not match:", () => {
  const payload = '{"amount": 50, "at": "no date"}';
  for (const [what, rules, explanation] of [
    ["no subscription at all", [], /^no subscription matches the type order.paid: the endpoint has none$/],
    [
      "other types",
      [["order.shipped"], ["user.*"]],
      /^no subscription matches the type order.paid: it has order.shipped, user.\*$/,
    ],
    ["a filter that is false", [["order.*", "$.amount > 100"]], /^the filter \(\$\."amount" > 100\) is false$/],
    [
      "a filter without an answer",
      [["order.*", "$.at > 100"]],
      /^the filter \(\$\."at" > 100\) has no answer, so it does not match: a member is missing, or values/,
    ],
    [
      "several filters",
      [
        ["order.*", "$.amount > 100"],
        ["*", "$.amount < 10"],
        ["user.*", "$.x == 1"],
      ],
      /^the filter \(\$\."amount" > 100\) is false; the filter \(\$\."amount" < 10\) is false$/,
    ],
  ] as const) {
    test(what, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      for (const [eventType, filter] of rules) {
        await subscribe(database.pool, endpoint, String(eventType), filter ?? null);
      }
      // Until now every change of the endpoint came before the event.
      const event = await insertEvent(database.pool, "order.paid", { payload });
      await claimAll(database.pool);
      const row = await explainOne(event);
      assert.equal(row.outcome, "not matched");
      assert.match(row.explanation, explanation);
      assert.deepEqual([row.would_match_now, row.now_explanation], [false, row.explanation]);
    });
  }

  test("* does not match Postrider's own events", async () => {
    await createEndpoint(database.pool, ["*"]);
    const event = await insertEvent(database.pool, "postrider.endpoint.disabled");
    await claimAll(database.pool);
    assert.match((await explainOne(event)).explanation, /it has \*, and \* does not mean postrider's own events$/);
  });

  test("the endpoint is disabled", async () => {
    const endpoint = await createEndpoint(database.pool);
    await database.pool.query("select postrider.disable_endpoint($1, 'customer left')", [endpoint]);
    const event = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    const row = await explainOne(event);
    assert.deepEqual([row.outcome, row.endpoint_state, row.would_match_now], ["not matched", "disabled", false]);
    assert.match(row.explanation, /^the endpoint has been disabled since \d{4}-.*: customer left$/);
  });

  test("the endpoint was created after the event", async () => {
    const event = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    await createEndpoint(database.pool);
    const row = await explainOne(event);
    assert.match(
      row.explanation,
      /^the endpoint was created \d{4}-.*, after the event: .*; the last change since the event: create_endpoint by /,
    );
    assert.deepEqual([row.would_match_now, row.now_explanation], [true, "would be sent"]);
  });

  test("the endpoint was created after the event, and its format leaves out attributes of the event", async () => {
    const attributes = '{"subject": "o/42", "orderId": 42, "items": [1]}';
    const event = String(
      await askFor(database.pool, "select postrider.publish('order.paid', '{}', attributes => $1)", [attributes]),
    );
    await claimAll(database.pool);
    const endpoint = await createEndpoint(database.pool, ["*"], { options: { format: "cloudevents" } });
    const inCloudEvents =
      'would be sent; the format is cloudevents, which leaves out "items": its value is a list; "orderId": a name of ' +
      "CloudEvents has only lower-case letters and digits";
    assert.equal((await explainOne(event)).now_explanation, inCloudEvents);
    await database.pool.query("update postrider.endpoint set format = 'xml' where id = $1", [endpoint]);
    assert.equal((await explainOne(event)).now_explanation, "would be sent; the format is xml");
  });

  test("a later change would make it match, and who made that change", async () => {
    const endpoint = await createEndpoint(database.pool, ["user.*"]);
    const event = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    await database.pool.query("update postrider.subscription set event_type = 'order.*'");
    await database.pool.query("update postrider.endpoint set state = 'paused'");
    const row = await explainOne(event);
    assert.equal(row.endpoint_id, endpoint);
    assert.match(
      row.explanation,
      /^it matches now but did not when it was claimed: .*; the last change since the event: update endpoint by \w+, \d{4}-.* \(postrider.audit\)$/,
    );
    assert.deepEqual([row.would_match_now, row.now_explanation], [true, "would wait, for the endpoint is paused"]);
  });
});

describe("explain_event of an event that is not claimed", () => {
  test("says so, and says whether a daemon is alive to claim it", async () => {
    await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid");
    const row = await explainOne(event);
    assert.deepEqual(
      [row.outcome, row.explanation, row.would_match_now],
      ["not claimed", "no daemon has claimed the event yet, and none is alive", true],
    );
    await beat(database.pool, randomUUID());
    assert.match(
      (await explainOne(event)).explanation,
      /^no daemon has claimed the event yet: that follows the commit/,
    );
  });

  test("knows the cursor's position in a window, and that a transaction was skipped while it was open", async (t) => {
    await createEndpoint(database.pool);
    const open = await openSession(t, database.url);
    await open.query("begin");
    const late = await insertEvent(open, "order.paid");
    const events = [
      ...(await insertEvents(database.pool, "order.paid", 2)),
      ...(await insertEvents(database.pool, "order.paid", 3)),
    ];
    await claimEvents(database.pool, { events: 3 });
    await open.query("commit");
    const outcomes = async () => Promise.all([late, ...events].map(async (event) => (await explainOne(event)).outcome));
    const [waits, flies] = ["not claimed", "in flight"];
    assert.deepEqual(await outcomes(), [waits, flies, flies, flies, waits, waits]);
    await claimEvents(database.pool);
    assert.deepEqual(await outcomes(), [waits, flies, flies, flies, flies, flies]);
    await claimEvents(database.pool);
    assert.deepEqual((await outcomes())[0], flies);
  });

  test("knows how far a transaction that is aside was read", async () => {
    await createEndpoint(database.pool);
    const large = await insertEvents(database.pool, "order.paid", 5);
    const small = await insertEvent(database.pool, "order.paid");
    await claimEvents(database.pool, { events: 3 });
    const outcomes = async () => Promise.all([...large, small].map(async (event) => (await explainOne(event)).outcome));
    const [waits, flies] = ["not claimed", "in flight"];
    assert.deepEqual(await outcomes(), [flies, flies, waits, waits, waits, flies]);
    await claimEvents(database.pool);
    assert.deepEqual(await outcomes(), [flies, flies, flies, flies, flies, flies]);
  });

  test("says that the transaction of an invisible event may still be open", async (t) => {
    const open = await openSession(t, database.url);
    await open.query("begin");
    const event = await insertEvent(open, "order.paid");
    await assert.rejects(explain(event), {
      code: "P0002",
      message: `there is no event ${event}`,
      hint: /may be open still/,
    });
    await assert.rejects(database.pool.query("select postrider.explain_event(null)"), {
      message: "there is no event null",
    });
  });

  test("lists only endpoints of the event's tenant", async () => {
    await createEndpoint(database.pool, ["*"], { tenant: "acme" });
    const event = await insertEvent(database.pool, "order.paid");
    await claimAll(database.pool);
    assert.deepEqual(
      (await explain(event)).map(({ endpoint_id }) => endpoint_id),
      [null],
    );
  });
});

test("explain_event changes nothing, and sends nothing", async () => {
  await createEndpoint(database.pool);
  const event = await insertEvent(database.pool, "order.paid");
  await explain(event);
  assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.delivery"), 0);
  assert.deepEqual((await walk(database.pool)).leased, []);
  assert.equal((await claimAll(database.pool)).length, 1);
});

test("SQL leaves out the attributes that the formats of CloudEvents leave out, for the same reasons", async () => {
  const name = fc.oneof(
    fc.stringMatching(/^[a-z0-9]{1,4}$/),
    fc.constantFrom("subject", "dataschema", "traceparent", "source", "data", "a_b", "aB", "", "\u00e9", "1a"),
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }).map((value) => value.replaceAll("\0", "")),
    fc.constantFrom(
      "",
      "\u0085",
      "\ufdd0",
      "\ufdef",
      "\uffff",
      "\u{1fffe}",
      "\u{10ffff}",
      "\u{ffff0}",
      "a\tb",
      "\x7f",
      "\u00a0",
    ),
    fc.constantFrom("urn:a", "https://a.example/?b#c[", "a b:c", "urn:", "1:a"),
    fc.constantFrom(`00-${"1".repeat(32)}-${"2".repeat(16)}-01`, `00-${"0".repeat(32)}-${"2".repeat(16)}-01`, "ff-1"),
  );
  const value = fc.oneof(
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.constant([]),
    fc.constant({}),
  );
  const formats = ["cloudevents", "cloudevents-binary", "cloudevents-xml"] as const;
  const objects = fc.sample(fc.dictionary(name, value, { maxKeys: 6 }), { numRuns: 400 });
  const rows = await rowsOf<{ json: string; left_out: (string | null)[] }>(
    database.pool,
    `select a::text as json, array(select postrider_internal.left_out_attributes(a, f) from unnest($2::text[]) with ordinality t (f, n) order by n) as left_out
     from jsonb_array_elements($1::jsonb) a`,
    [JSON.stringify(objects), formats],
  );
  assert.equal(rows.length, objects.length);
  for (const { json, left_out: leftOut } of rows) {
    for (const [at, format] of formats.entries()) {
      const event = { ...EVENT, attributes: json };
      const expected = FORMATS[format].leftOut?.(event) ?? [];
      assert.deepEqual(
        (leftOut[at] ?? "")
          .split("; ")
          .filter((reason) => reason !== "")
          .toSorted(),
        expected.toSorted(),
        json,
      );
    }
  }
});
