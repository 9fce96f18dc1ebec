import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { beforeEach, describe, test } from "node:test";
import type pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";
import { fixHeaders } from "../../src/http/request.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  beat,
  claimAll,
  claimEvents,
  createEndpoint,
  deliveries,
  IN_A_WEEK,
  insertEvent,
  insertEvents,
  openSession,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  subscribe,
  takeOverClaim,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

const NO_SUCH = "00000000-0000-7000-8000-000000000000";

describe("create_endpoint", () => {
  const create = "select endpoint_id, secret from postrider.create_endpoint($1, $2, $3, $4)";

  test("creates an endpoint with a subscription for each type, and a secret", async () => {
    const [made] = await rowsOf<{ endpoint_id: string; secret: string }>(database.pool, create, [
      "https://receiver.test/hook?a=1",
      ["order.*", "user.made"],
      "acme",
      {},
    ]);
    assert.ok(made !== undefined);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select id, tenant, url, format, timeout_ms, retry_schedule::text as retry_schedule, headers, state, revision
         from postrider.endpoint`,
      ),
      [
        {
          id: made.endpoint_id,
          tenant: "acme",
          url: "https://receiver.test/hook?a=1",
          format: "standard",
          timeout_ms: 15_000,
          retry_schedule: "{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}",
          headers: {},
          state: "active",
          // Adding the secret also counts as a change of the endpoint.
          revision: "2",
        },
      ],
    );
    assert.deepEqual(
      await rowsOf(database.pool, "select event_type, tenant, filter from postrider.subscription order by event_type"),
      [
        { event_type: "order.*", tenant: "acme", filter: null },
        { event_type: "user.made", tenant: "acme", filter: null },
      ],
    );
    assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.equal(Buffer.from(made.secret.slice("whsec_".length), "base64").length, 32);
    assert.deepEqual(
      await rowsOf(database.pool, "select endpoint_id, secret, expires_at from postrider.endpoint_secret"),
      [{ ...made, expires_at: null }],
    );
  });

  test("subscribes to everything if no types are given, and to nothing if the list is empty", async () => {
    await database.pool.query("select postrider.create_endpoint('http://receiver.test/')");
    assert.equal(await askFor(database.pool, "select event_type from postrider.subscription"), "*");
    await createEndpoint(database.pool, []);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.subscription"), 1);
  });

  test("creates a new secret each time", async () => {
    for (let count = 0; count < 20; count++) await createEndpoint(database.pool, []);
    assert.equal(await askFor(database.pool, "select count(distinct secret)::int from postrider.endpoint_secret"), 20);
  });

  test("accepts options", async () => {
    await createEndpoint(database.pool, [], {
      options: { format: "raw", timeout_ms: 500, retry_schedule: ["1 s", "PT2M"], headers: { "x-a": "1" } },
    });
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select format, timeout_ms, retry_schedule::text as retry_schedule, headers from postrider.endpoint",
      ),
      [{ format: "raw", timeout_ms: 500, retry_schedule: "{00:00:01,00:02:00}", headers: { "x-a": "1" } }],
    );
    await createEndpoint(database.pool, [], { options: { retry_schedule: [] } });
  });

  for (const [options, message] of [
    [{ timeout: 1 }, "there is no endpoint option 'timeout'"],
    [{ format: "xml2" }, /"format is one that this schema knows"/],
    [{ timeout_ms: 99 }, /"timeout_ms is between 100 and 120000"/],
    [{ timeout_ms: "soon" }, /^the option timeout_ms cannot be "soon"$/],
    [{ timeout_ms: 1.5 }, /^the option timeout_ms cannot be 1.5$/],
    [{ retry_schedule: "5 s" }, /^the option retry_schedule cannot be "5 s"$/],
    [{ retry_schedule: ["later"] }, /^the option retry_schedule cannot be \["later"\]$/],
    [{ retry_schedule: null }, /^the option retry_schedule cannot be null$/],
    [{ disable_after: "never" }, /^the option disable_after cannot be "never"$/],
    [{ retry_schedule: ["0 s"] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ retry_schedule: ["31 days"] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ retry_schedule: ["-1 days 48 hours"] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ retry_schedule: ["1 day -1 hour"] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ retry_schedule: ["-1000 years 360001 days"] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [
      { retry_schedule: ["-5900000 years 2124000001 days"] },
      /"retry_schedule has at most 50 steps of 1 ms to 30 days"|the option retry_schedule cannot be/,
    ],
    [
      { retry_schedule: ["infinity"] },
      /"retry_schedule has at most 50 steps of 1 ms to 30 days"|the option retry_schedule cannot be/,
    ],
    [{ retry_schedule: [null] }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ retry_schedule: Array(51).fill("1 s") }, /"retry_schedule has at most 50 steps of 1 ms to 30 days"/],
    [{ headers: [] }, /"headers is a JSON object"/],
    [{ headers: { a: "x".repeat(9_000) } }, /^the header "a" makes the headers longer than 8192 characters/],
  ] as const) {
    test(`refuses the options ${JSON.stringify(options).slice(0, 40)}`, async () => {
      await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", JSON.stringify(options)]), {
        message,
      });
      assert.equal(await askFor(database.pool, "select count(*)::int from postrider.endpoint"), 0);
    });
  }

  for (const [name, advice] of [
    ["Host", /the host is that of url/],
    ["Content-Length", /Leave it out/],
    ["transfer-encoding", /Leave it out/],
    ["Content-Encoding", /no body is compressed/],
    ["CONNECTION", /Leave it out/],
    ["keep-alive", /Leave it out/],
    ["upgrade", /Leave it out/],
    ["http2-settings", /Leave it out/],
    ["Expect", /Leave it out/],
    ["TE", /Leave it out/],
    ["trailer", /Leave it out/],
    ["proxy-connection", /authorization/],
    ["Proxy-Authorization", /authorization/],
    ["webhook-id", /Another name will do/],
    ["Webhook-Signature", /Another name will do/],
    ["webhook-anything", /Another name will do/],
    ["Postrider-Attempt", /Another name will do/],
    ["ce-source", /Another name will do/],
    ["traceparent", /attributes => /],
    ["tracestate", /attributes => /],
  ] as const) {
    test(`refuses the header ${name}, which would not be sent, however it is written, and says what would do`, async () => {
      const headers = { "x-a": "1", [name]: "SECRET" };
      const refusal = { code: "23514", message: new RegExp(`^the header "${name}" (is|would) `), hint: advice };
      const isRefused = (sql: string, values: unknown[]) =>
        assert.rejects(database.pool.query(sql, values), (error: pg.DatabaseError) => {
          assert.doesNotMatch(JSON.stringify(error), /SECRET/);
          return Object.entries(refusal).every(([key, expected]) => {
            const found = String(error[key as keyof typeof refusal]);
            return typeof expected === "string" ? found === expected : expected.test(found);
          });
        });
      await isRefused(create, ["http://receiver.test/", [], "", JSON.stringify({ headers })]);
      await isRefused("insert into postrider.endpoint (url, headers) values ('http://receiver.test/', $1)", [headers]);
      await createEndpoint(database.pool, []);
      await isRefused("update postrider.endpoint set headers = $1", [headers]);
      await isRefused("update postrider.endpoint set headers = headers || $1", [headers]);
      // The daemon would refuse to send it, too.
      assert.match(fixHeaders({ [name]: "x" }).fault ?? "", /is set by the sender alone$/);
    });
  }

  test("refuses two spellings of one header, whatever the locale makes of I", async () => {
    const authorization = { Authorization: "Bearer new", authorization: "Bearer old" };
    for (const headers of [authorization, { "X-ID": "1", "x-id": "2" }]) {
      await assert.rejects(
        database.pool.query(create, ["http://receiver.test/", [], "", JSON.stringify({ headers })]),
        {
          code: "23514",
          message: /is there in two spellings/,
          hint: "Keep one of them.",
        },
      );
    }
  });

  test("takes headers that only resemble those of the sender", async () => {
    const names = ["x-host", "hosts", "content-type", "user-agent", "webhook", "x-webhook-id", "tea", "cookie", "date"];
    const headers = Object.fromEntries(names.map((name) => [name, "1"]));
    await createEndpoint(database.pool, [], { options: { headers } });
    assert.equal(fixHeaders(headers).fault, undefined);
  });

  test("refuses anything but an object of options, and lists the options", async () => {
    const options =
      "name, description, kind, format, ordered, when_exhausted, batch_size, batch_delay_ms, max_in_flight, rate_limit, rate_burst, timeout_ms, retry_schedule, retry_on, give_up_on, headers, signing, encryption_key, auth, client_certificate, inline_limit, handshake, disable_after, payload, payload_fallback";
    await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", "[]"]), {
      code: "22023",
      hint: `Give an object with any of: ${options}.`,
    });
    await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", '{"fromat": 1}']), {
      code: "22023",
      hint: `Did you mean format? The options are: ${options}.`,
    });
    await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", '{"state": "paused"}']), {
      code: "22023",
      hint: `The options are: ${options}.`,
    });
  });

  test("accepts null only where it has a meaning, and says what an option must be", async () => {
    await createEndpoint(database.pool, [], { options: { disable_after: null } });
    assert.equal(await askFor(database.pool, "select disable_after from postrider.endpoint"), null);
    for (const option of ["format", "timeout_ms", "retry_schedule", "headers"]) {
      await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", { [option]: null }]), {
        code: "22023",
        message: `the option ${option} cannot be null`,
        hint: new RegExp(`^${option}: [A-Z]?`),
      });
    }
    await assert.rejects(database.pool.query(create, ["http://receiver.test/", [], "", { timeout_ms: "soon" }]), {
      code: "22023",
      detail: 'invalid input syntax for type integer: "soon"',
      hint: "timeout_ms: Time limit of a whole request, from connecting to the last byte read: a whole number of milliseconds, 100 to 120000.",
    });
  });

  for (const url of [
    "",
    "receiver.test",
    "ftp://receiver.test/",
    "http://",
    "http://a b/",
    `http://a/${"x".repeat(2_048)}`,
  ]) {
    test(`refuses the URL ${JSON.stringify(url.slice(0, 30))}`, async () => {
      await assert.rejects(database.pool.query(create, [url, [], "", {}]), {
        constraint: "url is http or https, without blanks, at most 2048 long",
      });
    });
  }

  test("refuses invalid event types", async () => {
    for (const eventType of ["", "order.", "*.paid", "order.*.x", "order*", "orders/*", "order paid"]) {
      await assert.rejects(database.pool.query(create, ["http://receiver.test/", [eventType], "", {}]), {
        constraint: "event_type is exact, a prefix such as order.*, or *",
      });
    }
    for (const eventTypes of [null, [null]]) {
      await assert.rejects(database.pool.query(create, ["http://receiver.test/", eventTypes, "", {}]), {
        code: "22004",
      });
    }
  });

  test("is audited without what may be secret", async () => {
    const secret = await askFor(
      database.pool,
      `select secret from postrider.create_endpoint('http://receiver.test/', options => '{"headers": {"authorization": "s3cret"}, "timeout_ms": 500}')`,
    );
    const [noted] = await rowsOf<{ text: string; detail: unknown }>(
      database.pool,
      "select a::text as text, a.detail from postrider.audit a",
    );
    assert.ok(noted !== undefined && !noted.text.includes("s3cret") && !noted.text.includes(String(secret).slice(6)));
    assert.deepEqual(noted.detail, {
      url: "http://receiver.test/",
      event_types: ["*"],
      tenant: "",
      options: { timeout_ms: 500 },
    });
  });
});

describe("subscribe and unsubscribe", () => {
  test("add a rule and remove it; existing deliveries continue", async () => {
    const endpoint = await createEndpoint(database.pool, [], { tenant: "acme" });
    const id = await subscribe(database.pool, endpoint, "order.*", "$.amount > 100");
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select id, endpoint_id, tenant, event_type, filter::text from postrider.subscription",
      ),
      [{ id, endpoint_id: endpoint, tenant: "acme", event_type: "order.*", filter: '($."amount" > 100)' }],
    );
    await insertEvent(database.pool, "order.paid", { tenant: "acme", payload: '{"amount": 500}' });
    const [pair] = await claimAll(database.pool);
    await database.pool.query("select postrider.unsubscribe($1)", [id]);
    await insertEvent(database.pool, "order.paid", { tenant: "acme", payload: '{"amount": 500}' });
    assert.deepEqual(await claimAll(database.pool), []);
    assert.equal(
      await askFor(database.pool, "select state from postrider.delivery_status where event_id = $1", [pair?.event]),
      "pending",
    );
  });

  for (const [filter, message] of [
    ["$.amount", /is not a predicate/],
    ["$", /is not a predicate/],
    ["$.items[*] ? (@.n > 1)", /is not a predicate/],
    ["strict $.amount", /is not a predicate/],
    ["", /is not an SQL\/JSON path/],
    ["$.amount >", /is not an SQL\/JSON path/],
    ["amount > 100", /is not an SQL\/JSON path/],
    ['$.a like_regex "("', /is not an SQL\/JSON path/],
  ] as const) {
    test(`refuse the filter ${filter === "" ? "that is empty" : filter}, and say what one looks like`, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      await assert.rejects(subscribe(database.pool, endpoint, "order.*", filter), {
        code: "22023",
        message,
        hint: /\$\.amount > 100/,
      });
    });
  }

  for (const [filter, advice] of [
    ['$["status"] == "paid"', /^Write \(\$\."status" == "paid"\)\.$/],
    ['$["line-items"][0]["sku"] == "a"', /^Write \(\$\."line-items"\[0\]\."sku" == "a"\)\.$/],
    ['exists($.items[*] ? (@["sku"] == "["))', /^Write exists \(\$\."items"\[\*\]\?\(@\."sku" == "\["\)\)\.$/],
    ['$.amount > 100 && !($["a"] == 1)', /\$\."a" == 1/],
    ['strict $["a"] == 1', /\$\."a" == 1/],
    ['$.a[0, "b"] == 1', /^Write the number of an element/],
    ['$.a["b" to "c"] == 1', /^Write the number of an element/],
    ["$[true] == 1", /^Write the number of an element/],
    ['$.a["b" to 2] == 1', /^Write the number of an element/],
    ["$.items[-1].amount > 1", /\[last\] is the last one/],
    ["$.items[0 to -1].amount > 1", /\[last\] is the last one/],
    ["$.amount > $min", /Write the value in its place/],
    ['exists($.a ? (@ == $x."y"))', /Write the value in its place/],
    ["1 == 1", /The payload is \$/],
    ["true", /The payload is \$/],
    ['"status" == "paid"', /The payload is \$/],
    ['$.tags.size() > "1"', /without quotation marks/],
    ['$.amount.double() >= "100"', /without quotation marks/],
    ['$.amount * 100 > "5000"', /without quotation marks/],
    ['$.amount > 100 && ($.gross - $.net) == "0"', /without quotation marks/],
    ['"status" == "paid" && $.amount > 100', /The payload is \$/],
    ['exists($.items[*] ? (@.n > 1 || "sku" != "a"))', /The payload is \$/],
    ['$.amount > 100 && "status" starts with "pa"', /The payload is \$/],
    ['$.amount > 100 && "email" like_regex "@example"', /The payload is \$/],
    ['$.at.datetime() > "2026-01-01"', /Make a time of both/],
    ['"2026-01-01" <= $.at.datetime()', /Make a time of both/],
    ['$.a == 1 && exists($.items[*] ? ("x" < @.at[last - 1].datetime("YYYY")))', /Make a time of both/],
    ["$.at.datetime() > 1735689600", /Make a time of both/],
    ['"3" == $.tags.size()', /without quotation marks/],
    ['"5000" < ($.amount * 100)', /without quotation marks/],
    ["$.amount.abs() == true", /without quotation marks/],
    ['$.amount.double() starts with "1"', /without quotation marks/],
    ["$.a.type() == 1", /in quotation marks/],
    ["$.items[last + 1].amount > 1", /\[last\] is the last element/],
    ['$.a.type() == "Number"', /^The types are null, boolean, number/],
    ['$.a == 1 || $.b.type() != "int"', /^The types are null, boolean, number/],
  ] as const) {
    test(`refuse the filter ${filter}, which can never match, however it is written, and say what would do`, async () => {
      const endpoint = await createEndpoint(database.pool, ["order.*"]);
      const refusal = { code: "22023", message: /^the filter /, hint: advice };
      await assert.rejects(subscribe(database.pool, endpoint, "order.*", filter), refusal);
      await assert.rejects(database.pool.query("update postrider.subscription set filter = $1", [filter]), refusal);
      const insert = "insert into postrider.subscription (endpoint_id, event_type, filter) values ($1, '*', $2)";
      await assert.rejects(database.pool.query(insert, [endpoint, filter]), refusal);
    });
  }

  test("take the filter that a refusal proposes", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    for (const filter of ['$["a"]["b-c"] == "x\\"y"', 'exists($["a\\"b"] ? (@["c"] == "[\\"d\\"]"))']) {
      const refusal = await subscribe(database.pool, endpoint, "order.*", filter).catch((thrown) => thrown);
      const [, proposed] = /^Write (.*)\.$/.exec(refusal.hint) ?? [];
      await subscribe(database.pool, endpoint, "order.*", proposed);
    }
  });

  test("take filters whose strings and paths only look like mistakes", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    for (const filter of [
      '$.s == "[\\"a\\"]" && $.t == "$x"',
      '$.s == "abc[" && $.c == "]x"',
      '$.s like_regex "^\\\\[-1\\\\]$"',
      '$."$min" > 1',
      '$."a[-1]" == ".type() == \\"Number\\""',
      "$.a[last - 1] == 1",
      "$.a[0, 2 to 3] == 1",
      "$.a[$.n] == -1",
      "$.a[$.n - 1] == 1",
      "$[*] == 1",
      "$ == 1",
      "$.a == -1",
      '$.a.type() == "number"',
      '$.at.datetime() > "2026-01-01".datetime()',
      '$.at.datetime("YYYY") == "2026".datetime("YYYY")',
      '$.at > "2026-01-01"',
      "$.tags.size() > 1",
      '$.size == "1"',
      '$.a - $.b > 0 && $.c == "x"',
      '$.a[last - 1].b == "x"',
      'exists($.a ? (@.n == @.m - 1) ? (@.s == "x"))',
      '$.a == "x" && ("y" == $.b || "z" < "2026-01-01".datetime())',
      '$.a == ") == \\"" && $.b == "\\" == "',
      "$.**.id == 7",
      '"x" == $.a[last - 1].b && "2026" == $.at',
      '"2026-01-01".datetime() < $.at.datetime()',
      "5 < $.tags.size() && -1.5 < ($.a.double() + $.b)",
      '"a" == $.a.keyvalue().key && "object" == $.a.type() && $.a.type() starts with "obj"',
      '$.s == "$.at.datetime() > 5 && \\"3\\" == $.tags.size()"',
      "!exists($.a)",
      "$.a == null",
    ]) {
      await subscribe(database.pool, endpoint, "order.*", filter);
    }
  });

  test("refuse a filter that is not a predicate, also when it is written by hand", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    await assert.rejects(database.pool.query("update postrider.subscription set filter = '$.amount'"), {
      code: "22023",
    });
    await assert.rejects(
      database.pool.query(
        "insert into postrider.subscription (endpoint_id, event_type, filter) values ($1, '*', '$.amount')",
        [endpoint],
      ),
      { code: "22023" },
    );
  });

  test("say so if the endpoint or subscription does not exist", async () => {
    await assert.rejects(subscribe(database.pool, NO_SUCH, "order.*"), {
      code: "P0002",
      message: `there is no endpoint ${NO_SUCH}`,
    });
    await assert.rejects(
      database.pool.query("insert into postrider.subscription (endpoint_id, event_type) values ($1, '*')", [NO_SUCH]),
      { code: "23503", message: `there is no endpoint ${NO_SUCH}` },
    );
    await assert.rejects(database.pool.query("select postrider.unsubscribe($1)", [NO_SUCH]), { code: "P0002" });
    await assert.rejects(database.pool.query("select postrider.unsubscribe(null)"), {
      code: "P0002",
      message: "there is no subscription null",
    });
  });
});

describe("a change of state", () => {
  /** The same by function and by hand. */
  const ways: readonly { readonly name: string; readonly to: Readonly<Record<string, string>> }[] = [
    {
      name: "by function",
      to: {
        paused: "select postrider.pause_endpoint($1, 'for a while')",
        resumed: "select postrider.resume_endpoint($1)",
        disabled: "select postrider.disable_endpoint($1, 'for a while')",
        enabled: "select postrider.enable_endpoint($1)",
      },
    },
    {
      name: "by hand",
      to: {
        paused: "update postrider.endpoint set state = 'paused', state_reason = 'for a while' where id = $1",
        resumed: "update postrider.endpoint set state = 'active' where id = $1",
        disabled: "update postrider.endpoint set state = 'disabled', state_reason = 'for a while' where id = $1",
        enabled: "update postrider.endpoint set state = 'active' where id = $1",
      },
    },
  ];
  const stateOf = (endpoint: string) =>
    rowsOf<{ state: string; reason: string | null; is_new: boolean; revision: string }>(
      database.pool,
      `select state, state_reason as reason, state_changed_at > created_at as is_new, revision from postrider.endpoint where id = $1`,
      [endpoint],
    );

  for (const { name, to } of ways) {
    test(`${name}: paused, its deliveries wait; resumed, they continue, and a sleeping daemon is woken`, async (t) => {
      const endpoint = await createEndpoint(database.pool);
      const event = await addPending(database.pool, endpoint);
      await database.pool.query(String(to.paused), [endpoint]);
      assert.deepEqual(await stateOf(endpoint), [
        { state: "paused", reason: "for a while", is_new: true, revision: "3" },
      ]);
      assert.deepEqual((await walk(database.pool)).leased, []);
      assert.equal(await detailOf(event), "paused");
      const [listener, sleeper] = [await openSession(t, database.url), await openSession(t, database.url)];
      await listener.query("listen postrider");
      await sleeper.query("select pg_advisory_lock(1886352244, 2)");
      const woken = once(listener, "notification");
      await database.pool.query(String(to.resumed), [endpoint]);
      await woken;
      assert.deepEqual(await stateOf(endpoint), [{ state: "active", reason: null, is_new: true, revision: "4" }]);
      assert.equal((await walk(database.pool)).leased.length, 1);
    });

    test(`${name}: disabled, waiting deliveries are discarded and no new ones come; enabled, it gets later events`, async () => {
      const endpoint = await createEndpoint(database.pool);
      await addPending(database.pool, endpoint);
      const other = await createEndpoint(database.pool, []);
      await addPending(database.pool, other);
      await claimAll(database.pool);
      await database.pool.query(String(to.disabled), [endpoint]);
      assert.deepEqual(
        (await deliveries(database.pool)).map((row) => [row.endpoint, row.state, row.reason]).toSorted(),
        [
          [endpoint, "discarded", "the endpoint is disabled: for a while"],
          [other, "pending", null],
        ].toSorted(),
      );
      await insertEvent(database.pool, "order.paid");
      assert.deepEqual(await claimAll(database.pool), []);
      await database.pool.query(String(to.enabled), [endpoint]);
      assert.deepEqual(
        (await stateOf(endpoint)).map(({ state, reason }) => [state, reason]),
        [["active", null]],
      );
      const event = await insertEvent(database.pool, "order.paid");
      assert.deepEqual(
        (await claimAll(database.pool)).map((pair) => pair.event),
        [event],
      );
    });

    test(`${name}: disabled while an attempt is in flight, that attempt finishes`, async () => {
      const daemon = randomUUID();
      const endpoint = await createEndpoint(database.pool, []);
      await addPending(database.pool, endpoint);
      const [leased] = (await walk(database.pool, { daemon })).leased;
      assert.ok(leased !== undefined);
      await database.pool.query(String(to.disabled), [endpoint]);
      await recordResults(database.pool, daemon, { later: [resultOf(leased)] });
      assert.deepEqual(
        (await deliveries(database.pool)).map(({ state, attempts }) => [state, attempts]),
        [["succeeded", 1]],
      );
    });
  }

  test("does not pause or resume a disabled endpoint", async () => {
    const endpoint = await createEndpoint(database.pool);
    await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
    for (const action of ["pause_endpoint", "resume_endpoint"]) {
      await assert.rejects(database.pool.query(`select postrider.${action}($1)`, [endpoint]), {
        code: "55000",
        message: `endpoint ${endpoint} is disabled`,
        hint: /enable_endpoint/,
      });
    }
  });

  test("of an endpoint that does not exist is refused", async () => {
    for (const action of ["pause_endpoint", "resume_endpoint", "disable_endpoint", "enable_endpoint"]) {
      await assert.rejects(database.pool.query(`select postrider.${action}($1)`, [NO_SUCH]), {
        code: "P0002",
        message: `there is no endpoint ${NO_SUCH}`,
      });
    }
  });

  test("twice is harmless, and the second reason is kept", async () => {
    const endpoint = await createEndpoint(database.pool);
    for (const reason of ["one", "two", "two"])
      await database.pool.query("select postrider.pause_endpoint($1, $2)", [endpoint, reason]);
    assert.deepEqual(
      (await stateOf(endpoint)).map(({ state, reason, revision }) => [state, reason, revision]),
      [["paused", "two", "4"]],
    );
  });

  test("to the state that there is changes nothing, keeps the reason, and says so", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    const session = await openSession(t, database.url);
    const notices: string[] = [];
    session.on("notice", ({ message }) => notices.push(String(message)));
    const call = async (action: string) => {
      notices.length = 0;
      await session.query(`select postrider.${action}($1)`, [endpoint]);
      return notices.length > 0 ? notices[0] : null;
    };
    assert.match(String(await call("resume_endpoint")), /^nothing changed: endpoint .* has been active since /);
    assert.match(String(await call("enable_endpoint")), /^nothing changed: endpoint .* has been active since /);
    await session.query("select postrider.pause_endpoint($1, 'maintenance')", [endpoint]);
    assert.deepEqual(notices.slice(1), []);
    assert.match(String(await call("pause_endpoint")), /^nothing changed: .* has been paused \(maintenance\) since /);
    assert.match(String(await call("enable_endpoint")), /^nothing changed: .* has been paused \(maintenance\) since /);
    assert.match(String(notices[1]), /is paused, and waits$/);
    assert.equal(await call("disable_endpoint"), null);
    assert.match(String(await call("disable_endpoint")), /^nothing changed: .* has been disabled since /);
    assert.match(String(await call("enable_endpoint")), /is paused, and waits$/);
    assert.deepEqual(
      (await stateOf(endpoint)).map(({ state, reason }) => [state, reason]),
      [["paused", "maintenance"]],
    );
    assert.equal(await call("resume_endpoint"), null);
    assert.equal(await call("disable_endpoint"), null);
    assert.equal(await call("enable_endpoint"), null);
    assert.deepEqual(
      (await stateOf(endpoint)).map(({ state, reason }) => [state, reason]),
      [["active", null]],
    );
  });
});

test("deleting an endpoint deletes its secrets and subscriptions, and discards its waiting deliveries", async () => {
  const endpoint = await createEndpoint(database.pool, ["*", "order.*"]);
  await addPending(database.pool, endpoint);
  await database.pool.query("delete from postrider.endpoint where id = $1", [endpoint]);
  assert.deepEqual(
    (await deliveries(database.pool)).map(({ state, reason }) => [state, reason]),
    [["discarded", "the endpoint was deleted"]],
  );
  assert.equal(
    await askFor(
      database.pool,
      "select (select count(*) from postrider.endpoint_secret) + (select count(*) from postrider.subscription)",
    ),
    "0",
  );
});

test("an endpoint that moves to another tenant keeps its subscriptions", async () => {
  await createEndpoint(database.pool, ["order.*"]);
  await database.pool.query("update postrider.endpoint set tenant = 'acme'");
  await insertEvent(database.pool, "order.paid");
  await insertEvent(database.pool, "order.paid", { tenant: "acme" });
  assert.equal((await claimAll(database.pool)).length, 1);
});

test("each change of an endpoint or its secrets increments its revision, so that daemons notice", async () => {
  const endpoint = await createEndpoint(database.pool);
  for (const statement of [
    'update postrider.endpoint set headers = \'{"x-a": "1"}\'',
    "update postrider.endpoint set url = 'https://receiver.test/'",
    `insert into postrider.endpoint_secret (endpoint_id, secret) values ('${endpoint}', 'whsec_${"A".repeat(40)}')`,
    "update postrider.endpoint_secret set expires_at = now()",
    `delete from postrider.endpoint_secret where secret = 'whsec_${"A".repeat(40)}'`,
  ]) {
    const before = BigInt(String(await askFor(database.pool, "select revision from postrider.endpoint")));
    await database.pool.query(statement);
    const after = BigInt(String(await askFor(database.pool, "select revision from postrider.endpoint")));
    assert.ok(after > before, statement);
  }
});

test("a daemon loads the secrets that sign now, the newest first, and the time at which that changes; a secret may never expire", async () => {
  const endpoint = await createEndpoint(database.pool, []);
  const secret = (letter: string) => `whsec_${letter.repeat(40)}`;
  await database.pool.query("delete from postrider.endpoint_secret");
  for (const [letter, age, expires] of [
    ["A", "3 hours", "now() - interval '1 hour'"],
    ["B", "2 hours", "now() + interval '1 hour'"],
    ["C", "1 hour", "'infinity'"],
    ["D", "0", "null"],
  ] as const) {
    await database.pool.query(
      `insert into postrider.endpoint_secret (endpoint_id, secret, created_at, expires_at)
       values ($1, $2, now() - $3::interval, ${expires})`,
      [endpoint, secret(letter), age],
    );
  }
  const load = async () => {
    const [row] = await rowsOf<{ secrets: string[]; secrets_valid_ms: number | null }>(
      database.pool,
      statementText("load_endpoints"),
      [[endpoint], false],
    );
    assert.ok(row !== undefined);
    return row;
  };
  const loaded = await load();
  assert.deepEqual(loaded.secrets, [secret("D"), secret("C"), secret("B")]);
  assert.ok(
    loaded.secrets_valid_ms !== null && loaded.secrets_valid_ms > 3_500_000 && loaded.secrets_valid_ms <= 3_600_000,
  );
  await database.pool.query("delete from postrider.endpoint_secret where expires_at < 'infinity'");
  assert.equal((await load()).secrets_valid_ms, null);
});

describe("redeliver", () => {
  const redeliver = "select postrider.redeliver($1, $2)";

  /** A delivery that finished after this many attempts. */
  async function finished(outcome: "succeeded" | "exhausted" | "discarded", attempts: number) {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    await database.pool.query(
      "update postrider.delivery set state = $1, attempts = $2, next_attempt_at = null, finished_at = now(), reason = $3",
      [outcome, attempts, outcome === "discarded" ? "for the test" : null],
    );
    return { event, endpoint };
  }

  for (const outcome of ["succeeded", "exhausted", "discarded"] as const) {
    test(`makes one further attempt of a delivery that was ${outcome}: numbering continues, the schedule starts over`, async () => {
      const { event, endpoint } = await finished(outcome, 10);
      await database.pool.query(redeliver, [event, endpoint]);
      const daemon = randomUUID();
      const [leased] = (await walk(database.pool, { daemon })).leased;
      assert.deepEqual([leased?.event, leased?.attempts, leased?.attemptsBefore], [event, 10, 10]);
      assert.ok(leased !== undefined);
      await recordResults(database.pool, daemon, { later: [resultOf(leased, { attempts: 10, outcome: "pending" })] });
      assert.deepEqual(
        (await deliveries(database.pool)).map((row) => [row.state, row.attempts, row.attemptsBefore, row.reason]),
        [["pending", 11, 10, null]],
      );
      assert.equal(await askFor(database.pool, "select attempt_number from postrider.attempt"), 11);
    });
  }

  test("makes a waiting delivery due at once", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint, "now() + interval '1 hour'");
    await database.pool.query(redeliver, [event, endpoint]);
    assert.equal((await walk(database.pool)).leased.length, 1);
  });

  test("is refused while the delivery is in flight, leased or as a first attempt, and changes nothing", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    const waiting = await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    await walk(database.pool, { daemon });
    const first = await insertEvent(database.pool, "order.paid");
    await claimEvents(database.pool, { daemon });
    for (const event of [waiting, first]) {
      await assert.rejects(database.pool.query(redeliver, [event, endpoint]), {
        code: "55006",
        message: `the delivery of event ${event} to endpoint ${endpoint} is in flight`,
        hint: /in_flight/,
      });
    }
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ leasedBy }) => leasedBy),
      [daemon],
    );
    assert.equal(
      await askFor(database.pool, "select count(*)::int from postrider.audit where action = 'redeliver'"),
      0,
    );
  });

  test("fences a daemon whose lease had expired", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const [leased] = (await walk(database.pool, { daemon })).leased;
    assert.ok(leased !== undefined);
    await database.pool.query("update postrider.delivery set lease_expires_at = now() - interval '1 s'");
    await database.pool.query(redeliver, [event, endpoint]);
    await recordResults(database.pool, daemon, { later: [resultOf(leased, { outcome: "exhausted" })] });
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ state }) => state),
      ["pending"],
    );
  });

  test("of a first success is not undone by the claim still in hand", async () => {
    const daemon = randomUUID();
    await beat(database.pool, daemon);
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    await insertEvents(database.pool, "order.paid", 2);
    const { pairs } = await claimEvents(database.pool, { daemon });
    const [done, left] = pairs;
    assert.ok(done !== undefined && left !== undefined);
    await recordResults(database.pool, daemon, { first: [resultOf(done)] });
    await database.pool.query(redeliver, [done.event, endpoint]);
    await beat(database.pool, daemon, -1);
    const taken = await takeOverClaim(database.pool, randomUUID());
    assert.deepEqual(taken?.pairs, [left]);
    assert.equal((await walk(database.pool)).leased.length, 1);
  });

  test("is refused for an event or endpoint that does not exist or cannot be sent to", async () => {
    const { event, endpoint } = await finished("exhausted", 1);
    const unclaimed = await insertEvent(database.pool, "order.paid");
    for (const [eventId, endpointId, code, message] of [
      [event, NO_SUCH, "P0002", `there is no endpoint ${NO_SUCH}`],
      [NO_SUCH, endpoint, "P0002", `there is no event ${NO_SUCH}`],
      [unclaimed, endpoint, "P0002", `there is no delivery of event ${unclaimed} to endpoint ${endpoint}`],
      [null, endpoint, "P0002", "there is no event null"],
    ] as const) {
      await assert.rejects(database.pool.query(redeliver, [eventId, endpointId]), { code, message });
    }
    await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
    await assert.rejects(database.pool.query(redeliver, [event, endpoint]), { code: "55000", hint: /enable_endpoint/ });
  });

  test("is refused to an endpoint that has moved to another tenant", async () => {
    const { event, endpoint } = await finished("exhausted", 1);
    await database.pool.query("update postrider.endpoint set tenant = 'other' where id = $1", [endpoint]);
    await assert.rejects(database.pool.query(redeliver, [event, endpoint]), { code: "55000", message: /tenant/ });
  });

  test("waits for the event's deliver_at", async () => {
    const endpoint = await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid", {
      deliverAt: IN_A_WEEK,
    });
    await claimAll(database.pool);
    await database.pool.query(redeliver, [event, endpoint]);
    assert.deepEqual((await walk(database.pool)).leased, []);
    assert.equal(await detailOf(event), "scheduled");
  });

  test("without an endpoint is for all: not for what was cancelled, is in flight, or cannot be sent", async () => {
    const event = await insertEvent(database.pool, "order.paid");
    const kinds = ["succeeded", "exhausted", "discarded", "pending", "cancelled", "leased", "disabled"];
    const endpoints = new Map<string, string>();
    for (const kind of kinds) {
      const endpoint = await createEndpoint(database.pool, [], kind === "disabled" ? { state: "disabled" } : {});
      endpoints.set(endpoint, kind);
      await database.pool.query(
        `insert into postrider.delivery (event_id, endpoint_id, state, reason, next_attempt_at, finished_at, leased_by, lease_expires_at)
         select $1, $2, state, case state when 'discarded' then case $3 when 'cancelled' then 'cancelled: by mistake' else $3 end end,
                case state when 'pending' then now() + interval '1 h' end, case when state <> 'pending' then now() end,
                case $3 when 'leased' then gen_random_uuid() end, case $3 when 'leased' then now() + interval '1 h' end
         from (select case when $3 in ('leased', 'pending') then 'pending' when $3 in ('cancelled', 'disabled') then 'discarded'
                           else $3 end as state) s`,
        [event, endpoint, kind],
      );
    }
    assert.equal(await askFor(database.pool, redeliver, [event, null]), 4);
    const due = (await walk(database.pool)).leased.map((leased) => endpoints.get(leased.endpoint));
    assert.deepEqual(due.toSorted(), ["discarded", "exhausted", "pending", "succeeded"]);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select endpoint_id, event_id, detail from postrider.audit where action = 'redeliver'",
      ),
      [{ endpoint_id: null, event_id: event, detail: { endpoints: 4 } }],
    );
    await assert.rejects(database.pool.query(redeliver, [event, null]), { code: "55006", message: /is in flight$/ });
    const unmatched = await insertEvent(database.pool, "order.paid");
    await assert.rejects(database.pool.query(redeliver, [unmatched, null]), { code: "P0002", hint: /cancelled/ });
  });

  test("of a paused endpoint waits with the rest", async () => {
    const { event, endpoint } = await finished("exhausted", 1);
    await database.pool.query("select postrider.pause_endpoint($1)", [endpoint]);
    await database.pool.query(redeliver, [event, endpoint]);
    assert.deepEqual((await walk(database.pool)).leased, []);
    assert.equal(await detailOf(event), "paused");
  });
});

test("every action leaves a row in the audit, with who did it", async () => {
  const endpoint = await createEndpoint(database.pool, []);
  const event = await addPending(database.pool, endpoint);
  const subscription = await subscribe(database.pool, endpoint, "order.*", "$.a > 1");
  await database.pool.query("select postrider.unsubscribe($1)", [subscription]);
  await database.pool.query("select postrider.pause_endpoint($1, 'why')", [endpoint]);
  await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
  await database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
  await database.pool.query("select postrider.enable_endpoint($1)", [endpoint]);
  const rows = await rowsOf<{
    action: string;
    event_id: string | null;
    detail: unknown;
    is_mine: boolean;
    endpoint_id: string;
  }>(
    database.pool,
    "select action, event_id, detail, actor = session_user as is_mine, endpoint_id from postrider.audit order by at",
  );
  assert.deepEqual(
    rows.slice(1).map(({ action, event_id, detail }) => [action, event_id, detail]),
    [
      ["subscribe", null, { subscription_id: subscription, event_type: "order.*", filter: "$.a > 1" }],
      ["unsubscribe", null, { subscription_id: subscription, event_type: "order.*", filter: '($."a" > 1)' }],
      ["pause_endpoint", null, { reason: "why" }],
      ["resume_endpoint", null, {}],
      ["redeliver", event, {}],
      ["disable_endpoint", null, {}],
      ["enable_endpoint", null, {}],
    ],
  );
  assert.ok(rows.every((row) => row.is_mine && row.endpoint_id === endpoint));
});

test("whatever ends something takes a reason, which the audit keeps", async () => {
  const { pool } = database;
  const endpoint = await createEndpoint(pool, [], { options: { ordered: true, when_exhausted: "halt" } });
  const event = await insertEvent(pool, "ended.one", { orderingKey: "k" });
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, finished_at, ordering_key, ordering_seq, halts)
     values ($1, $2, 'exhausted', now(), 'k', 1, true)`,
    [event, endpoint],
  );
  const pull = await askFor(
    pool,
    `select endpoint_id from postrider.create_endpoint(null, '{}', options => '{"kind": "pull"}')`,
  );
  await pool.query("select postrider.create_pull_token($1)", [pull]);
  await pool.query("select postrider.create_api_key('ended'), postrider.define_event_type('ended.one')");
  await pool.query("select postrider.create_portal_token('acme')");
  const replay = await askFor(pool, "select replay_id from postrider.replay($1, now() - interval '1 hour')", [
    endpoint,
  ]);
  const ended: Readonly<Record<string, readonly [call: string, ...values: unknown[]]>> = {
    skip: ["postrider.skip($1, $2, 'why')", event, endpoint],
    cancel_replay: ["postrider.cancel_replay($1, 'why')", replay],
    unsubscribe: ["postrider.unsubscribe($1, 'why')", await subscribe(pool, endpoint, "order.*")],
    erase_event: ["postrider.erase_event($1, 'why')", event],
    erase_tenant: ["postrider.erase_tenant('acme', 'why')"],
    drop_event_type: ["postrider.drop_event_type('ended.one', 'why')"],
    revoke_api_key: ["postrider.revoke_api_key((select id from postrider.api_key where name = 'ended'), 'why')"],
    revoke_portal_tokens: ["postrider.revoke_portal_tokens('acme', reason => 'why')"],
    revoke_pull_token: [
      "postrider.revoke_pull_token((select id from postrider.pull_token where endpoint_id = $1), 'why')",
      pull,
    ],
  };
  for (const [action, [call, ...values]] of Object.entries(ended)) {
    await pool.query(`select ${call}`, values);
    // Of a tenant, a second row says that it is erased.
    const reason = "select detail ->> 'reason' from postrider.audit where action = $1 order by id limit 1";
    assert.equal(await askFor(pool, reason, [action]), "why", action);
  }
  const said = await askFor(pool, "select reason from postrider.replay_status where replay_id = $1", [replay]);
  assert.match(String(said), /^cancelled by \w+: why$/);
});

describe("the views", () => {
  test("show what each delivery waits for, or how it ended", async () => {
    const daemon = randomUUID();
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    const paused = await createEndpoint(database.pool, ["user.*"], { state: "paused" });
    await beat(database.pool, daemon);
    await insertEvents(database.pool, "order.paid", 4);
    const { pairs } = await claimEvents(database.pool, { daemon });
    const [flying, succeeded, retrying, exhausted] = pairs;
    assert.ok(flying !== undefined && succeeded !== undefined && retrying !== undefined && exhausted !== undefined);
    await recordResults(database.pool, daemon, {
      first: [
        resultOf(succeeded),
        resultOf(retrying, { outcome: "pending", status: 503 }),
        resultOf(exhausted, { outcome: "exhausted", status: 404 }),
      ].toSorted((a, b) => (a.event < b.event ? -1 : 1)),
    });
    const leased = await addPending(database.pool, endpoint);
    await walk(database.pool, { daemon });
    const deferred = await addPending(database.pool, endpoint);
    const scheduled = await addPending(database.pool, endpoint, "now() + interval '1 hour'");
    const waiting = await insertEvent(database.pool, "user.made");
    await claimEvents(database.pool, { daemon });
    const rows = await rowsOf<Record<string, unknown> & { event_id: string }>(
      database.pool,
      `select event_id, endpoint_id, event_type, tenant, state, detail, attempts, last_http_status, last_error,
              next_attempt_at is not null as has_next, finished_at is not null as has_end, created_at is not null as has_start
       from postrider.delivery_status`,
    );
    const expected = (
      [
        [flying.event, endpoint, "order.paid", "pending", "in flight", 0, null, null, false, false],
        [succeeded.event, endpoint, "order.paid", "succeeded", "succeeded", 1, 200, null, false, true],
        [
          retrying.event,
          endpoint,
          "order.paid",
          "pending",
          "retrying",
          1,
          503,
          "the receiver answered 500",
          true,
          false,
        ],
        [
          exhausted.event,
          endpoint,
          "order.paid",
          "exhausted",
          "exhausted",
          1,
          404,
          "the receiver answered 500",
          false,
          true,
        ],
        [leased, endpoint, "queue.filled", "pending", "in flight", 0, null, null, true, false],
        [deferred, endpoint, "queue.filled", "pending", "deferred", 0, null, null, true, false],
        [scheduled, endpoint, "queue.filled", "pending", "scheduled", 0, null, null, true, false],
        [waiting, paused, "user.made", "pending", "paused", 0, null, null, true, false],
      ] as const
    ).map(
      ([
        event_id,
        endpoint_id,
        event_type,
        state,
        detail,
        attempts,
        last_http_status,
        last_error,
        has_next,
        has_end,
      ]) => ({
        event_id,
        endpoint_id,
        event_type,
        tenant: "",
        state,
        detail,
        attempts,
        last_http_status,
        last_error,
        has_next,
        has_end,
        has_start: true,
      }),
    );
    assert.deepEqual(byEvent(rows), byEvent(expected));
    assert.deepEqual(
      byEvent(
        await rowsOf<{ event_id: string }>(
          database.pool,
          "select event_id, endpoint_id, attempt_number, daemon_id from postrider.in_flight",
        ),
      ),
      byEvent(
        [flying.event, leased].map((event_id) => ({
          event_id,
          endpoint_id: endpoint,
          attempt_number: 1,
          daemon_id: daemon,
        })),
      ),
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select endpoint_id, endpoint_state, pending::int, due::int, oldest_age is not null as has_age from postrider.backlog order by pending desc",
      ),
      [
        { endpoint_id: endpoint, endpoint_state: "active", pending: 4, due: 1, has_age: true },
        { endpoint_id: paused, endpoint_state: "paused", pending: 1, due: 1, has_age: true },
      ],
    );
    assert.deepEqual(await rowsOf(database.pool, "select id, state, claims::int from postrider.daemon_status"), [
      { id: daemon, state: "live", claims: 1 },
    ]);
  });

  test("count unclaimed events inside a window and around it, but not those of open transactions", async (t) => {
    const [early, late] = [await openSession(t, database.url), await openSession(t, database.url)];
    const unclaimed = async () =>
      Number((await askFor(database.pool, "select pending from postrider.backlog where endpoint_id is null")) ?? 0);
    await createEndpoint(database.pool, ["order.*"]);
    assert.equal(await unclaimed(), 0);
    await early.query("begin");
    await insertEvents(early, "order.paid", 2);
    await insertEvents(database.pool, "order.paid", 3);
    await late.query("begin");
    await insertEvents(late, "order.paid", 2);
    await insertEvents(database.pool, "order.paid", 4);
    assert.equal(await unclaimed(), 7);
    await claimEvents(database.pool, { events: 2 });
    assert.equal(await unclaimed(), 5);
    await early.query("commit");
    await late.query("commit");
    assert.equal(await unclaimed(), 9);
    // The rest of the window in pages of two, with transactions aside; then the next window.
    for (let left = 9; left > 0; ) {
      const { eventCount } = await claimEvents(database.pool, { events: 2 });
      assert.ok(eventCount > 0);
      left -= eventCount;
      assert.equal(await unclaimed(), left);
    }
    assert.equal((await claimEvents(database.pool)).outcome, "empty");
  });

  test("still show deliveries whose endpoint or event is gone", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    await database.pool.query("delete from postrider.endpoint; delete from postrider.outbox");
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select event_type, state, detail, reason from postrider.delivery_status where event_id = $1",
        [event],
      ),
      [{ event_type: null, state: "discarded", detail: "discarded", reason: "the endpoint was deleted" }],
    );
  });
});

function byEvent<Row extends { readonly event_id: string }>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.event_id < b.event_id ? -1 : 1));
}

function detailOf(event: string): Promise<unknown> {
  return askFor(database.pool, "select detail from postrider.delivery_status where event_id = $1", [event]);
}

describe("a name", () => {
  test("finds the endpoint of a tenant, and the views show it", async () => {
    const options = { name: "billing", description: "invoices for the accountants" };
    const [plain, acme] = [
      await createEndpoint(database.pool, ["*"], { options }),
      await createEndpoint(database.pool, ["*"], { options, tenant: "acme" }),
    ];
    assert.equal(await askFor(database.pool, "select postrider.endpoint_id('billing')"), plain);
    assert.equal(await askFor(database.pool, "select postrider.endpoint_id('billing', 'acme')"), acme);
    await database.pool.query("select postrider.pause_endpoint(postrider.endpoint_id('billing'), 'why')");
    await insertEvent(database.pool, "order.paid");
    await insertEvent(database.pool, "order.paid", { tenant: "acme" });
    await claimAll(database.pool);
    for (const view of ["delivery_status", "backlog", "endpoint_health", "in_flight"]) {
      const rows = await rowsOf(database.pool, `select name, url from postrider.${view} where endpoint_id is not null`);
      assert.ok(rows.length > 0, view);
      assert.deepEqual(rows[0], { name: "billing", url: "http://receiver.test/" }, view);
    }
  });

  test("is unique within its tenant, and one that is not there is refused with the near miss", async () => {
    await createEndpoint(database.pool, [], { options: { name: "billing" } });
    await assert.rejects(createEndpoint(database.pool, [], { options: { name: "billing" } }), {
      code: "23505",
      constraint: "name is unique within its tenant",
    });
    for (const name of ["", " billing", "bill\ning", "x".repeat(256)]) {
      await assert.rejects(createEndpoint(database.pool, [], { options: { name } }), { code: "23514" }, name);
    }
    await createEndpoint(database.pool, [], {});
    await createEndpoint(database.pool, [], {});
    await assert.rejects(database.pool.query("select postrider.endpoint_id('biling')"), {
      code: "P0002",
      hint: /^Did you mean 'billing'\?/,
    });
    await assert.rejects(database.pool.query("select postrider.endpoint_id(null)"), { code: "P0002" });
    await assert.rejects(database.pool.query("select postrider.endpoint_id('billing', 'acme')"), { code: "P0002" });
  });
});

test("delete_endpoint says what it ends, and does it unless that is all it is asked for", async () => {
  const endpoint = await createEndpoint(database.pool, ["*", "order.*"], { options: { name: "billing" } });
  const daemon = randomUUID();
  for (let count = 0; count < 3; count++) await addPending(database.pool, endpoint);
  await claimAll(database.pool);
  await walk(database.pool, { daemon, deliveries: 1 });
  await database.pool.query("select postrider.replay($1, now() - interval '1 hour')", [endpoint]);
  const remove = "select * from postrider.delete_endpoint($1, 'customer left', $2)";
  const ended = {
    name: "billing",
    url: "http://receiver.test/",
    pending: "2",
    is_exact: true,
    in_flight: "1",
    subscriptions: "2",
    replays: "1",
  };
  assert.deepEqual(await rowsOf(database.pool, remove, [endpoint, true]), [ended]);
  assert.equal(await askFor(database.pool, "select count(*)::int from postrider.endpoint"), 1);
  assert.deepEqual(await rowsOf(database.pool, remove, [endpoint, false]), [ended]);
  assert.equal(await askFor(database.pool, "select count(*)::int from postrider.endpoint"), 0);
  const [row] = await rowsOf<{ detail: { reason: string }; before: { name: string; subscriptions: unknown[] } }>(
    database.pool,
    "select detail, before from postrider.audit where action = 'delete_endpoint'",
  );
  assert.deepEqual(
    [row?.detail.reason, row?.before.name, row?.before.subscriptions.length],
    ["customer left", "billing", 2],
  );
  await assert.rejects(database.pool.query(remove, [endpoint, true]), { code: "P0002" });
  await assert.rejects(database.pool.query(remove, [endpoint, false]), { code: "P0002" });
});
