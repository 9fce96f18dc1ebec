import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  claimEvents,
  insertEvent,
  inTransaction,
  type Leased,
  openSession,
  pidOf,
  reset,
  rowsOf,
  type Session,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const DAEMON = randomUUID();

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Preview {
  readonly outcome: string;
  readonly payload: string | null;
  readonly headers: unknown;
  readonly problem: string | null;
}

async function endpointWith(options: Record<string, unknown>, session: Session = database.pool): Promise<string> {
  return String(
    await askFor(
      session,
      "select endpoint_id from postrider.create_endpoint('http://127.0.0.1:1/', options => $1::text::jsonb)",
      [JSON.stringify(options)],
    ),
  );
}

async function preview(
  options: Record<string, unknown>,
  payload: string,
  session: Session = database.pool,
): Promise<Preview> {
  const endpoint = await endpointWith(options, session);
  const event = await insertEvent(session, "order.paid", { payload });
  return previewOf(endpoint, event, session);
}

async function previewOf(endpoint: string, event: string, session: Session = database.pool): Promise<Preview> {
  const [row] = await rowsOf<Preview>(
    session,
    "select outcome, payload::text, headers, problem from postrider.preview_transformation($1, $2)",
    [endpoint, event],
  );
  assert.ok(row !== undefined);
  return row;
}

/** What is made of a payload; the problem if nothing is. */
async function made(payload: unknown, document: string): Promise<unknown> {
  const { outcome, payload: text, problem } = await preview({ payload }, document);
  return outcome === "transformed" ? JSON.parse(text ?? "") : problem;
}

const ORDER =
  '{"order": {"id": 42, "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "note": null}, "z": 1, "a": 1}';

describe("a path", () => {
  for (const [path, result] of [
    ["$", JSON.parse(ORDER)],
    ["$.order.id", 42],
    ["$.order.note", null],
    ['$."order"."id"', 42],
    ["$.order.items[0].sku", "a"],
    ["$.order.items[last].sku", "b"],
    ["$.order.items[*]", JSON.parse(ORDER).order.items],
    ["$.order.items[*].sku", ["a", "b"]],
    ["$.order.items[0 to 1].n", [1, 2]],
    ['$.order.items[*] ? (@.sku == "b").n', [2]],
    ["$.order.items[*] ? (@.n > 1 && exists(@.sku)).n", [2]],
    ["$.order.items.size()", 2],
    ["$.order.id * 2", 84],
    ["$.order.id > 41", true],
    ["strict $.order.id", 42],
    ["lax $.order.id", 42],
    ["$event.type", "order.paid"],
  ] as const) {
    test(`${path} gives ${JSON.stringify(result)}`, async () => {
      assert.deepEqual(await made(path, ORDER), result);
    });
  }

  for (const [path, document, problem] of [
    ["$.missing", ORDER, "the path $.missing gives nothing"],
    ["$.order.items.sku", ORDER, "the path $.order.items.sku gives 2 values: with [*] it would give a list"],
    ["strict $.missing", ORDER, 'the path strict $.missing: JSON object does not contain key "..."'],
    ["$.missing[*]", ORDER, "no path of the template finds anything in the payload"],
    ["$.a", '{"a": "\\u0000"}', "the payload cannot be read as jsonb: unsupported Unicode escape sequence"],
    ["$.a", '{"a": 1e400000}', "the payload cannot be read as jsonb: value overflows numeric format"],
    ["$.a", `{"a": "${"x".repeat(1_048_570)}"}`, "the payload has 1048579 bytes, and up to 1048576 can be transformed"],
  ] as const) {
    test(`${path} cannot be applied to ${document.slice(0, 30)}`, async () => {
      assert.equal(await made(path, document), problem);
    });
  }

  test("that fails does not show what Postgres quotes of the payload", async () => {
    for (const value of ["4111 1111", 'x" 4111', 'x" 4111 "y', "é 4111", '"\n4111\n"']) {
      const problem = String(await made("$.a.double()", JSON.stringify({ a: value })));
      assert.match(problem, /^the path \$\.a\.double\(\): /);
      assert.ok(!problem.includes("4111"), problem);
    }
  });
});

describe("a template", () => {
  for (const [template, result] of [
    [
      { id: "$.order.id", first: "$.order.items[0].sku" },
      { id: 42, first: "a" },
    ],
    [
      { price: "$$5", kind: "order", n: [1, true, null], id: "$.order.id" },
      { price: "$5", kind: "order", n: [1, true, null], id: 42 },
    ],
    [{ a: { b: ["$.order.id", "x", "$.missing", "$.z"] } }, { a: { b: [42, "x", 1] } }],
    [
      { skus: "$.order.items[*].sku", none: "$.missing[*]", gone: "$.missing" },
      { skus: ["a", "b"], none: [] },
    ],
    [{ $ref: "$.z" }, { $ref: 1 }],
    [
      ["$.z", "$.a"],
      [1, 1],
    ],
    [{ type: "$event.type" }, { type: "order.paid" }],
    [{ constant: 1 }, { constant: 1 }],
    [42, 42],
    ["$$.z", "$.z"],
  ] as const) {
    test(`${JSON.stringify(template)} gives ${JSON.stringify(result)}`, async () => {
      assert.deepEqual(await made(template, ORDER), result);
    });
  }

  test("knows the event by $event, with the time as the envelope has it", async () => {
    const endpoint = await endpointWith({
      payload: { event: "$event", id: "$event.id", trace: "$event.attributes.traceparent" },
    });
    const [event] = await rowsOf<{ id: string; at: string }>(
      database.pool,
      `insert into postrider.outbox (event_type, payload, ordering_key, attributes)
       values ('order.paid', '{}', 'k', '{"traceparent": "t"}')
       returning id, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
    );
    assert.ok(event !== undefined);
    const { payload } = await previewOf(endpoint, event.id);
    assert.deepEqual(JSON.parse(payload ?? ""), {
      id: event.id,
      trace: "t",
      event: {
        id: event.id,
        type: "order.paid",
        timestamp: event.at,
        tenant: "",
        ordering_key: "k",
        attributes: { traceparent: "t" },
      },
    });
  });

  test("of which no path finds anything cannot be applied, and one with a strict path needs that", async () => {
    assert.equal(
      await made({ a: "$.missing", b: "x", c: "$event.id" }, ORDER),
      "no path of the template finds anything in the payload",
    );
    assert.match(String(await made({ a: "strict $.missing", b: "$.z" }, ORDER)), /^the path strict \$\.missing: /);
  });

  test("keeps numbers beyond double precision, and loses the order of keys and all but the last of duplicates", async () => {
    const { payload } = await preview({ payload: "$" }, '{"b": 1, "a": 12345678901234567890.10, "b": 2}');
    assert.equal(payload, '{"a": 12345678901234567890.10, "b": 2}');
  });

  test("may be written by hand, as JSON or as a path", async () => {
    const endpoint = await endpointWith({});
    for (const [payload, result] of [
      ["$.z", "1"],
      ['"$.z"', "1"],
      ['{"z": "$.z"}', '{"z": 1}'],
    ]) {
      await database.pool.query("update postrider.endpoint set payload = $2 where id = $1", [endpoint, payload]);
      const event = await insertEvent(database.pool, "order.paid", { payload: ORDER });
      assert.equal((await previewOf(endpoint, event)).payload, result);
    }
  });
});

describe("a header", () => {
  test("may have a path, which gives one value as text, and a constant that begins with a dollar sign has two", async () => {
    const headers = {
      "x-id": "$.order.id",
      "x-type": "$event.type",
      "x-none": "$.missing",
      "x-null": "$.order.note",
      "x-flag": "$.z > 0",
      "x-price": "$$5",
      "x-c": "c",
    };
    const { payload, headers: found, outcome } = await preview({ headers }, ORDER);
    assert.deepEqual(found, { "x-id": "42", "x-type": "order.paid", "x-flag": "true" });
    assert.deepEqual([payload, outcome], [ORDER, "transformed"]);
    assert.deepEqual(
      await askFor(database.pool, "select postrider_internal.constant_headers(headers) from postrider.endpoint"),
      {
        "x-price": "$5",
        "x-c": "c",
      },
    );
  });

  for (const [what, value, problem] of [
    ["a line break", "a\r\nx-evil: 1", "has a value with a line break or a character outside of ASCII"],
    ["a NUL", "a\u0001b", "has a value with a line break or a character outside of ASCII"],
    ["another script", "é", "has a value with a line break or a character outside of ASCII"],
    ["a blank at its end", "a ", "has a value with a blank at its beginning or end"],
    ["a list", ["a"], "has an array for a value"],
    ["an object", { a: 1 }, "has an object for a value"],
    ["too much in it", "x".repeat(9000), "makes the headers longer than 8192 characters"],
  ] as const) {
    test(`cannot be made of a value with ${what}, and neither path nor value is shown`, async () => {
      const found = await preview({ headers: { "x-a": "$.a" } }, JSON.stringify({ a: value }));
      assert.deepEqual(found, {
        outcome: "discarded",
        payload: null,
        headers: null,
        problem: `the header "x-a" ${problem}`,
      });
    });
  }

  for (const [value, message] of [
    ["$.secret[*]", 'the header "x-a" has a path that may give a list, and a header has one value'],
    ["$.secret[", 'the header "x-a" begins with a dollar sign, and is no path that can be used'],
    ["$2b$10$secret", 'the header "x-a" begins with a dollar sign, and is no path that can be used'],
    ["$.**", 'the header "x-a" begins with a dollar sign, and is no path that can be used'],
  ] as const) {
    test(`is refused as ${value}, without its value`, async () => {
      await assert.rejects(
        endpointWith({ headers: { "x-a": value } }),
        (error: { message: string; hint?: string; detail?: string; code: string }) => {
          assert.equal(error.message, message);
          assert.equal(error.code, "23514");
          assert.ok(!`${error.hint}${error.detail}`.includes("secret"));
          return true;
        },
      );
    });
  }
});

describe("what could take long, or depends on the session, is refused:", () => {
  for (const [path, message] of [
    ["$.**", "the path $.** searches at any depth"],
    ["$.**{2 to 3}.a", "the path $.**{2 to 3}.a searches at any depth"],
    ['$.a ? (@ like_regex "(a+)+$")', 'the path $.a ? (@ like_regex "(a+)+$") has a regular expression'],
    ["$[0, 0][0, 0]", "the path $[0, 0][0, 0] has something else in brackets than one place"],
    ["$[$.n]", "the path $[$.n] begins anew at $"],
    ["$.a[*] ? (exists($.a[*] ? (@ == 1)))", "the path $.a[*] ? (exists($.a[*] ? (@ == 1))) begins anew at $"],
    ["$.a[*] ? (@.x == @.y)", "the path $.a[*] ? (@.x == @.y) compares two parts of the payload"],
    ["$.keyvalue().keyvalue()", "the path $.keyvalue().keyvalue() has keyvalue() twice"],
    ["$.at.datetime()", "the path $.at.datetime() reads a time"],
    ['$.at.datetime("TMMonth")', 'the path $.at.datetime("TMMonth") reads a time'],
    [
      `$.a ? (${Array(11).fill("@ == 1").join(" || ")})`,
      `the path $.a ? (${Array(11).fill("@ == 1").join(" || ")}) has more than 10 comparisons and calculations`,
    ],
    [`$${".a".repeat(200)}`, `the path $${".a".repeat(200)} is longer than 256 characters`],
    ["$.a[", "the path $.a[ is not an SQL/JSON path"],
    ["$5", "the path $5 has a variable that does not exist"],
    ["$amount", "the path $amount has a variable that does not exist"],
    ["$event.payload", "the path $event.payload is none of what is known of the event"],
    ["$event[*]", "the path $event[*] is none of what is known of the event"],
  ] as const) {
    test(path.slice(0, 60), async () => {
      for (const payload of [path, { a: [path] }]) {
        await assert.rejects(endpointWith({ payload }), { message, code: "23514" });
      }
    });
  }

  for (const [what, payload, message] of [
    ["what is neither a path nor JSON", "order", "the payload of an endpoint is neither a path nor JSON"],
    ["a template with a NUL", '{"a": "\\u0000"}', "the payload of an endpoint is neither a path nor JSON"],
    ["a template that is too large", JSON.stringify("x".repeat(17_000)), "the payload of an endpoint has 17002 bytes"],
    ["too many paths", JSON.stringify(Array(101).fill("$.a")), "the payload of an endpoint has 101 paths"],
    ["deep nesting", "[".repeat(8_000) + "]".repeat(8_000), "the payload of an endpoint is nested too deep"],
  ] as const) {
    test(what, async () => {
      const endpoint = await endpointWith({});
      await assert.rejects(
        database.pool.query("update postrider.endpoint set payload = $2 where id = $1", [endpoint, payload]),
        {
          message,
          code: "23514",
        },
      );
    });
  }

  test("a fallback that does not exist", async () => {
    await assert.rejects(endpointWith({ payload: "$.a", payload_fallback: "none" }), {
      constraint: "payload_fallback is discard or whole",
    });
  });
});

describe("what leased deliveries send", () => {
  async function leased(options: Record<string, unknown>, payloads: readonly string[]): Promise<readonly Leased[]> {
    const endpoint = await endpointWith(options);
    for (const payload of payloads) {
      await insertEvent(database.pool, "order.paid", { payload });
    }
    const { outcome, pairs } = await claimEvents(database.pool);
    assert.deepEqual([outcome, pairs], ["complete", []], "an endpoint with a path gets nothing from memory");
    const walked = await walk(database.pool, { daemon: DAEMON, share: 1000, deliveries: 1000 });
    assert.deepEqual(new Set(walked.leased.map((one) => one.endpoint)), new Set([endpoint]));
    return walked.leased;
  }

  function transform(deliveries: readonly Leased[], daemon = DAEMON, session: Session = database.pool) {
    return rowsOf<{ event_id: string; payload: unknown; problem: string | null; is_discarded: boolean }>(
      session,
      "select event_id, payload, problem, is_discarded from postrider_internal.transform_deliveries($1, $2, $3, 32768, false)",
      [daemon, deliveries.map(({ event }) => event), deliveries.map(({ endpoint }) => endpoint)],
    );
  }

  /** In as many calls as it takes: one ends early if it takes long, and on a busy machine it may. */
  async function transformAll(deliveries: readonly Leased[]) {
    const rows = [];
    for (let left = deliveries; left.length > 0; ) {
      const some = await transform(left);
      if (some.length === 0) break;
      rows.push(...some);
      left = left.filter(({ event }) => some.every(({ event_id }) => event_id !== event));
    }
    return rows;
  }

  const stored = () => askFor(database.pool, "select count(*)::int from postrider.transformation");

  test("one that cannot be applied keeps no other", async () => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1}', '{"a": "\\u0000"}', '{"a": 2}', "{}"]);
    const rows = await transformAll(deliveries);
    assert.deepEqual(
      rows
        .filter(({ is_discarded }) => !is_discarded)
        .map(({ payload }) => payload)
        .sort(),
      [1, 2],
    );
    assert.equal(rows.filter(({ problem }) => problem !== null).length, 2);
    assert.equal(await stored(), 2);
  });

  test("is given to the daemon that holds them, again as it was", async () => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1, "b": 2}']);
    assert.deepEqual(await transform(deliveries, randomUUID()), []);
    assert.deepEqual(
      (await transform(deliveries)).map(({ payload }) => payload),
      [1],
    );
    await database.pool.query("update postrider.endpoint set payload = '$.b'");
    assert.deepEqual(
      (await transform(deliveries)).map(({ payload }) => payload),
      [1],
    );
    assert.equal(await stored(), 1);
  });

  for (const fallback of ["discard", "whole"]) {
    test(`is not made once the daemon gives it up: ${fallback}`, async () => {
      const deliveries = await leased({ payload: "$.a", payload_fallback: fallback }, ['{"a": 1}']);
      const give = () =>
        rowsOf(
          database.pool,
          "select payload, problem, is_discarded from postrider_internal.transform_deliveries($1, $2, $3, 32768, true)",
          [DAEMON, deliveries.map(({ event }) => event), deliveries.map(({ endpoint }) => endpoint)],
        );
      const problem = "it outlasted the deadline of a statement, again and again";
      const isDiscarded = fallback === "discard";
      assert.deepEqual(await give(), [{ payload: isDiscarded ? null : { a: 1 }, problem, is_discarded: isDiscarded }]);
      assert.equal(await stored(), isDiscarded ? 0 : 1);
      if (!isDiscarded) {
        assert.deepEqual(
          (await transform(deliveries)).map(({ payload }) => payload),
          [{ a: 1 }],
          "each attempt sends the same",
        );
      }
    });
  }

  test("is not made while someone erases the event, and not left when it is erased", async (t) => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1}']);
    const [{ event } = { event: "" }] = deliveries;
    const eraser = await openSession(t, database.url);
    await inTransaction(eraser, async () => {
      await eraser.query("select postrider.erase_event($1)", [event]);
      assert.deepEqual(await transform(deliveries), []);
    });
    assert.deepEqual(await transform(deliveries), []);
    assert.equal(await stored(), 0);
  });

  test("is nothing of an erased event that had begun without it", async () => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1}']);
    await database.pool.query("update postrider.delivery set attempts = 1");
    assert.deepEqual(
      (await transform(deliveries)).map(({ payload }) => payload),
      [{ a: 1 }],
    );
    await database.pool.query("select postrider.erase_event($1)", [deliveries[0]?.event]);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select payload is null as is_missing from postrider_internal.transform_deliveries($1, $2, $3, 32768, false)",
        [DAEMON, deliveries.map(({ event }) => event), deliveries.map(({ endpoint }) => endpoint)],
      ),
      [{ is_missing: true }],
    );
  });

  test("leaves nothing if the event is erased while it is made", async (t) => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1}']);
    const [maker, eraser] = [await openSession(t, database.url), await openSession(t, database.url)];
    const eraserPid = await pidOf(eraser);
    let erased: Promise<unknown> | null = null;
    await inTransaction(maker, async () => {
      assert.equal((await transform(deliveries, DAEMON, maker)).length, 1);
      erased = eraser.query("select postrider.erase_event($1)", [deliveries[0]?.event]);
      await waitsForLock(database.pool, eraserPid);
    });
    await erased;
    assert.equal(await stored(), 0);
  });

  test("is made for one at least, however long the preparations take", async (t) => {
    const deliveries = await leased({ payload: "$.a" }, ['{"a": 1}', '{"a": 1}']);
    const session = await openSession(t, database.url);
    await session.query(`
      begin;
      do $slow$ begin
        execute replace(pg_get_functiondef('postrider_internal.plan_transformation(uuid)'::regprocedure),
          'return plan;', 'perform pg_sleep(0.3); return plan;');
      end $slow$`);
    assert.deepEqual(
      (await transform(deliveries, DAEMON, session)).map(({ payload }) => payload),
      [1],
    );
  });

  for (const stalls of [1, 2]) {
    test(`is made all the same if time ran out once, and not if it did again: ${stalls}`, async (t) => {
      const deliveries = await leased({ payload: { a: "$.a", b: "$.b" } }, ['{"a": 1, "b": 2}']);
      const session = await openSession(t, database.url);
      await session.query(`
        begin;
        create sequence public.looks;
        do $stall$ begin
          execute replace(pg_get_functiondef('postrider_internal.transform_event'::regproc),
            'found := ', 'perform pg_sleep(0.3) where nextval(''public.looks'') <= ${stalls}; found := ');
        end $stall$`);
      const [row] = await transform(deliveries, DAEMON, session);
      const isBlamed = stalls === 2;
      assert.deepEqual(row?.payload, isBlamed ? null : { a: 1, b: 2 });
      assert.equal(row?.problem, isBlamed ? "the path $.b was reached after 250 ms, and that is the limit" : null);
    });
  }

  test("ends in time with what takes long, and the rest has its turn later", async () => {
    const slow = `{"a": [${Array(170_000).fill("[1,2]").join(",")}]}`;
    const path = "$.a[*][*] ? (@ == 3 || @ == 4 || @ == 5 || @ == 6 || @ == 7 || @ == 8 || @ == 9 || @ == 10)";
    const template = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, path]));
    const deliveries = await leased({ payload: template }, [slow, slow, slow, slow]);
    const started = performance.now();
    const rows = await transform(deliveries);
    const tookMs = performance.now() - started;
    assert.ok(rows.length >= 1 && rows.length < 4, `${rows.length} rows`);
    assert.match(rows[0]?.problem ?? "", /^the path .* was reached after 250 ms, and that is the limit$/);
    // Without limits it takes two minutes.
    assert.ok(tookMs < 20_000, `${tookMs} ms`);
  });

  for (const [what, template, payload, problem] of [
    [
      "whose numbers have many digits",
      "$",
      `[${Array(100).fill("1e100000").join(",")}]`,
      "the numbers of the payload, written out, have more than 1048576 digits",
    ],
    [
      "whose zeros have many digits",
      "$",
      `[${Array(100).fill("0e-16000").join(",")}]`,
      "the numbers of the payload, written out, have more than 1048576 digits",
    ],
    [
      "that grows by being copied",
      Array(90).fill("$"),
      `"${"x".repeat(20_000)}"`,
      "the result has more than 1048576 bytes",
    ],
    [
      "that grows by being written",
      "$.a[*].double()",
      `{"a": [${Array(3_600).fill('"1e300"').join(",")}]}`,
      "the result has more than 1048576 bytes",
    ],
  ] as const) {
    test(`is bounded: a result ${what} is none`, async () => {
      assert.equal(await made(template, payload), problem);
    });
  }

  test("is not refused for a text that looks like a number with many digits", async () => {
    assert.deepEqual(await made("$", '["1e999999", "\\"1e999999", 1e3]'), ["1e999999", '"1e999999', 1000]);
  });

  test("does not depend on the session", async (t) => {
    const session = await openSession(t, database.url);
    const options = { payload: { at: "$event.timestamp", n: "$.n.double()", list: "$.list[*]" } };
    const document = '{"n": "0.1", "list": [0.30000000000000004, 1e20]}';
    const { id } = { id: await endpointWith(options) };
    const event = await insertEvent(database.pool, "order.paid", { payload: document });
    const plain = await previewOf(id, event);
    await session.query(
      "set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'; set intervalstyle = 'iso_8601'; set extra_float_digits = -15; set bytea_output = 'escape'; set standard_conforming_strings = off",
    );
    assert.deepEqual(await previewOf(id, event, session), plain);
    assert.equal(plain.payload?.includes("0.30000000000000004"), true);
  });
});

describe("a template says what an evaluator of its own says", () => {
  const names = ["a", "b", "c d", "$e"];
  const document = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom("x", "$y", 'é"\\'),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 4 }),
  }));
  type Step =
    | { readonly kind: "member"; readonly name: string }
    | { readonly kind: "place"; readonly place: number }
    | { readonly kind: "all" };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names).map((name) => ({ kind: "member" as const, name })) },
    { weight: 1, arbitrary: fc.nat({ max: 2 }).map((place) => ({ kind: "place" as const, place })) },
    { weight: 1, arbitrary: fc.constant({ kind: "all" as const }) },
  );
  const path = fc.array(step, { maxLength: 4 });

  function written(steps: readonly Step[]): string {
    return `$${steps.map((one) => (one.kind === "member" ? `.${JSON.stringify(one.name)}` : one.kind === "place" ? `[${one.place}]` : "[*]")).join("")}`;
  }

  /** Lax mode: a member of a list is that of its elements, and a place in what is no list sees a list of one. */
  function find(value: unknown, steps: readonly Step[]): unknown[] {
    const [first, ...rest] = steps;
    if (first === undefined) return [value];
    const elements = Array.isArray(value) ? value : [value];
    switch (first.kind) {
      case "member":
        return elements.flatMap((one) =>
          typeof one === "object" && one !== null && !Array.isArray(one) && Object.hasOwn(one, first.name)
            ? find((one as Record<string, unknown>)[first.name], rest)
            : [],
        );
      case "place":
        return first.place < elements.length ? find(elements[first.place], rest) : [];
      case "all":
        return elements.flatMap((one) => find(one, rest));
    }
  }

  class Unfit extends Error {}

  function evaluate(
    template: unknown,
    payload: unknown,
    paths: ReadonlyMap<string, readonly Step[]>,
    hits: { count: number },
  ): unknown {
    if (typeof template === "string" && paths.has(template)) {
      const steps = paths.get(template) ?? [];
      const found = find(payload, steps);
      hits.count += found.length;
      if (steps.some(({ kind }) => kind === "all")) return found;
      if (found.length > 1) throw new Unfit();
      return found[0];
    }
    if (typeof template === "string") return template.replace(/^\$\$/, "$");
    if (Array.isArray(template)) {
      return template.map((one) => evaluate(one, payload, paths, hits)).filter((one) => one !== undefined);
    }
    if (typeof template === "object" && template !== null) {
      return Object.fromEntries(
        Object.entries(template)
          .map(([key, one]) => [key, evaluate(one, payload, paths, hits)])
          .filter(([, one]) => one !== undefined),
      );
    }
    return template;
  }

  test("over random templates and payloads", async () => {
    const drawn = fc.array(path, { minLength: 1, maxLength: 4 }).chain((paths) => {
      const texts = new Map(paths.map((steps) => [written(steps), steps]));
      const template = fc.letrec((tie) => ({
        value: fc.oneof(
          { depthSize: "small" },
          fc.constantFrom(...texts.keys()),
          fc.constantFrom("$$a", "constant", "$$"),
          fc.integer(),
          fc.array(tie("value"), { maxLength: 4 }),
          tie("object"),
        ),
        object: fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 4 }),
      }));
      return fc.tuple(template.object, fc.constant(texts));
    });
    const endpoint = await endpointWith({});
    await fc.assert(
      fc.asyncProperty(drawn, document.value, async ([template, paths], payload) => {
        await database.pool.query("update postrider.endpoint set payload = $2 where id = $1", [
          endpoint,
          JSON.stringify(template),
        ]);
        const event = await insertEvent(database.pool, "order.paid", { payload: JSON.stringify(payload) });
        const { outcome, payload: text, problem } = await previewOf(endpoint, event);
        const hits = { count: 0 };
        let expected: unknown;
        try {
          expected = evaluate(template, payload, paths, hits);
        } catch (thrown) {
          assert.ok(thrown instanceof Unfit);
          assert.match(problem ?? "", /gives \d+ values/);
          return;
        }
        const hasPath = [...paths.keys()].some((one) => JSON.stringify(template).includes(JSON.stringify(one)));
        if (hasPath && hits.count === 0) {
          assert.equal(problem, "no path of the template finds anything in the payload");
        } else {
          assert.equal(outcome, "transformed", `${problem}`);
          assert.deepEqual(JSON.parse(text ?? ""), JSON.parse(JSON.stringify(expected)));
        }
      }),
      { numRuns: 300 },
    );
  });
});
