/** What the dashboard computes, apart from the browser that shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeAxis } from "../../../src/console/ui/journeyAxis.ts";
import { pretty } from "../../../src/console/ui/pretty.ts";
import { parseSearch } from "../../../src/console/ui/search.ts";
import { sqlOf } from "../../../src/console/ui/sqlText.ts";
import { uuidTime } from "../../../src/console/ui/uuid.ts";

test("a search has a type, a tenant, times, and a filter that ends it", () => {
  const nothing = { event_type: null, tenant: null, since: null, until: null, filter: null, mistakes: [] };
  const cases = [
    ["", {}],
    ["order.paid", { event_type: "order.paid" }],
    ["  type:order.*   tenant:acme since:2h ", { event_type: "order.*", tenant: "acme", since: "2h" }],
    ['type:a $.amount > 100 && $.x == "a b"', { event_type: "a", filter: '$.amount > 100 && $.x == "a b"' }],
    ["($.a == 1)", { filter: "($.a == 1)" }],
    ["until:2026-11-30T10:00:00Z", { until: "2026-11-30T10:00:00Z" }],
    ["type:", {}],
  ] as const;
  for (const [text, found] of cases) {
    assert.deepEqual(parseSearch(text), { ...nothing, ...found }, text);
  }
  assert.match(parseSearch("stat:exhausted").mistakes[0] ?? "", /“stat:” is not known/);
});

test("JSON is shown with a line for each member, and each of its characters as it was, in order", () => {
  const text = '{"n":1.10,"big":12345678901234567890,"n":[],"a":[true,{"b":"\\u0041 \\"q\\""}],"e":{}}';
  const shown = pretty(text)
    .map((token) => token.text)
    .join("");
  assert.equal(
    shown,
    '{\n  "n": 1.10,\n  "big": 12345678901234567890,\n  "n": [],\n  "a": [\n    true,\n    {\n      "b": "\\u0041 \\"q\\""\n    }\n  ],\n  "e": {}\n}',
  );
  assert.deepEqual(
    pretty(text)
      .filter(({ kind }) => kind !== "sign")
      .map(({ kind }) => kind)
      .slice(0, 4),
    ["key", "number", "key", "number"],
  );
  const withoutBlanks = (value: string) => value.replaceAll(/\s/g, "");
  fc.assert(
    fc.property(fc.json(), fc.nat(), (json, end) => {
      // Also where it was cut off.
      const part = json.slice(0, end % (json.length + 1));
      assert.equal(
        withoutBlanks(
          pretty(part)
            .map((token) => token.text)
            .join(""),
        ),
        withoutBlanks(part),
      );
    }),
  );
});

test("deep nesting does not make blanks without end", () => {
  const deep = "[".repeat(100_000);
  assert.ok(pretty(deep).reduce((chars, { text }) => chars + text.length, 0) < 100 * deep.length);
});

test("values are written into the SQL as literals that cannot end early", () => {
  const operation = {
    ...({ method: "POST", path: "/x", scope: "operate" } as const),
    takes: { id: "path", reason: "body", on: "body", limit: "limit", list: "body" },
    sql: "select f($1::uuid, $2, $3, $4, $5) where x @@ '$.a'",
  };
  const values = { id: "0", reason: "it's \\ '; drop table x; --", on: true, list: ['a"b', "c\\d"] };
  assert.equal(
    sqlOf({ operation, values }),
    `select f('0'::uuid, E'it''s \\\\ ''; drop table x; --', true, 50, E'{"a\\\\"b","c\\\\\\\\d"}') where x @@ '$.a';`,
  );
  assert.equal(sqlOf({ operation: { ...operation, sql: "select $2" }, values: {} }), "select null;");
});

test("the axis of a journey keeps the order of moments, fills its width, and folds only idle stretches", () => {
  const axis = makeAxis(
    [0, 3, 44, 5_044, 20_044, 320_044],
    [
      { fromMs: 3, toMs: 44 },
      { fromMs: 5_044, toMs: 20_044 },
    ],
  );
  assert.deepEqual(
    axis.gaps.map(({ isFolded }) => isFolded),
    [false, false, true, false, true],
  );
  assert.deepEqual([axis.at(-5), axis.at(0), axis.at(320_044), axis.at(400_000)], [0, 0, 1, 1]);
  fc.assert(
    fc.property(fc.array(fc.nat(1e9), { minLength: 2 }), (moments) => {
      const places = moments.toSorted((one, other) => one - other).map(makeAxis(moments, []).at);
      assert.deepEqual(
        places,
        places.toSorted((one, other) => one - other),
      );
      assert.ok(places.every((place) => place >= 0 && place <= 1 + 1e-9));
    }),
  );
  assert.equal(makeAxis([7], []).at(7), 0);
});

test("an id of version 7 tells its time, and no other does", () => {
  assert.equal(uuidTime("019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90"), new Date(0x019a5c0e7c1b).toISOString());
  for (const id of ["", "019a5c0e-7c1b-4f3c-9d2e-5b1f6a7c8d90", "x"]) assert.equal(uuidTime(id), null);
});
