/**
 * The catalogue of event types: which schemas it accepts, and which payloads those schemas accept. Inserts of other types
 * must not be affected.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { NEWEST } from "../plan.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  createEndpoint,
  insertEvent,
  makePartitions,
  openSession,
  pidOf,
  reset,
  rowsOf,
  type Session,
  waitsForLock,
} from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { majorOfRun } from "../support/testServer.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

let database: TestDatabase;
let publisher: Login;
let operator: Login;

before(async () => {
  database = await createDatabase();
  publisher = await createLogin(database, ["postrider_publisher"]);
  operator = await createLogin(database, ["postrider_operator"]);
});

after(async () => {
  await publisher.drop();
  await operator.drop();
  await database.drop();
});

beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query(`
    update postrider.event_type_policy set unknown_types = 'allowed';
    delete from postrider.event_type;
    delete from postrider.audit`);
});

async function define(schema: unknown, name = "order.paid", session: Session = database.pool): Promise<void> {
  await session.query("select postrider.define_event_type($1, json_schema => $2, enforce => true)", [
    name,
    JSON.stringify(schema),
  ]);
}

/** The error that refuses a statement: code, message, detail and hint, one a line. */
async function refusalOf(session: Session, statement: string, values: unknown[] = []): Promise<string> {
  try {
    await session.query(statement, values);
  } catch (thrown) {
    assert.ok(thrown instanceof pg.DatabaseError);
    return [thrown.code, thrown.message, thrown.detail, thrown.hint].join("\n");
  }
  return "not refused";
}

const INSERT = "insert into postrider.outbox (event_type, payload) values ('order.paid', $1)";

/** `in`, or the place and the reason. */
async function verdictOn(payload: string, session: Session = database.pool): Promise<string> {
  const refusal = await refusalOf(session, INSERT, [payload]);
  const [code, message] = refusal.split("\n");
  if (refusal === "not refused") return "in";
  assert.equal(code, "23514", refusal);
  return String(message).replace("the payload of order.paid does not fit its schema: ", "");
}

interface Judgement {
  readonly walked: boolean;
  /** Null if the schema has no predicate. */
  readonly predicted: boolean | null;
}

/** The verdicts of the walk and of the predicate on payloads. */
function judge(schema: Json, payloads: readonly string[]): Promise<Judgement[]> {
  return rowsOf<Judgement>(
    database.pool,
    `with compiled as materialized (
       select postrider_internal.compile_schema($1::jsonb, $1::jsonb, '', '{}') as checks
     ), defined as materialized (
       select c.checks, ('strict $ ? ' || postrider_internal.schema_predicate(c.checks, '$'))::jsonpath as predicate from compiled c)
     select (postrider_internal.payload_problem(d.checks, p.payload::jsonb, '', 10000)).problem is null as walked,
            jsonb_path_exists(p.payload::jsonb, d.predicate, d.checks) as predicted
     from defined d, unnest($2::text[]) with ordinality p (payload, place)
     order by p.place`,
    [JSON.stringify(schema), payloads],
  );
}

describe("a payload is accepted, or refused with the place and the reason:", () => {
  const cases: readonly {
    readonly what: string;
    readonly schema: Json;
    readonly payloads: Readonly<Record<string, string>>;
    /** If no SQL/JSON path can express the schema. */
    readonly withoutPredicate?: true;
  }[] = [
    {
      what: "type",
      schema: { type: "string" },
      payloads: {
        '"a"': "in",
        "1": 'at "": expected string, found an integer',
        "1.5": 'at "": expected string, found a number that is not an integer',
        null: 'at "": expected string, found null',
        '["a"]': 'at "": expected string, found an array of 1',
        "{}": 'at "": expected string, found an object',
        false: 'at "": expected string, found a boolean',
      },
    },
    {
      what: "several types",
      schema: { type: ["null", "boolean", "array", "object", "integer"] },
      payloads: {
        null: "in",
        true: "in",
        "[[1]]": "in",
        "{}": "in",
        "3": "in",
        '""': 'at "": expected null or boolean or array or object or integer, found a string of 0 characters',
      },
    },
    {
      what: "integer, which is a number without a fraction however it is written",
      schema: { type: "integer" },
      payloads: {
        "1.0": "in",
        "1e2": "in",
        "-0": "in",
        "123456789012345678901234567890": "in",
        "1e100000": "in",
        "1.5": 'at "": expected integer, found a number that is not an integer',
        "1e-9": 'at "": expected integer, found a number that is not an integer',
        '"1"': 'at "": expected integer, found a string of 1 character',
      },
    },
    {
      what: "bounds of numbers, to the last digit, and of numbers alone",
      schema: { minimum: -1.5, maximum: 9007199254740992 },
      payloads: {
        "-1.50": "in",
        "9007199254740992.0": "in",
        '"0"': "in",
        "[-9]": "in",
        "-1.5000000000000000001": 'at "": expected at least -1.5, found less',
        "9007199254740993": 'at "": expected at most 9007199254740992, found more',
        "1e100000": 'at "": expected at most 9007199254740992, found more',
      },
    },
    {
      what: "exclusive bounds",
      schema: { exclusiveMinimum: 0, exclusiveMaximum: 10 },
      payloads: {
        "0.1": "in",
        "9.99": "in",
        '"text"': "in",
        "0": 'at "": expected more than 0, found not more',
        "10": 'at "": expected less than 10, found not less',
      },
    },
    {
      what: "lengths of texts, in characters",
      schema: { minLength: 2, maxLength: 3 },
      payloads: {
        '"äö"': "in",
        '"👍👍👍"': "in",
        '"a\\nb"': "in",
        "[1,2,3,4]": "in",
        '"a"': 'at "": expected at least 2 characters, found 1',
        '"abc\\n"': 'at "": expected at most 3 characters, found 4',
        '"👍👍👍👍"': 'at "": expected at most 3 characters, found 4',
      },
    },
    {
      what: "no text at all",
      schema: { minLength: 0, maxLength: 0 },
      payloads: { '""': "in", '"a"': 'at "": expected at most 0 characters, found 1' },
    },
    {
      what: "the longest text that a predicate can count",
      schema: { minLength: 255, maxLength: 254 },
      payloads: { [JSON.stringify("x".repeat(254))]: 'at "": expected at least 255 characters, found 254' },
    },
    {
      what: "a longer one",
      schema: { maxLength: 255 },
      withoutPredicate: true,
      payloads: {
        [JSON.stringify("x".repeat(255))]: "in",
        [JSON.stringify("x".repeat(256))]: 'at "": expected at most 255 characters, found 256',
      },
    },
    {
      what: "enum and const of scalars",
      schema: { properties: { a: { enum: ["x", 1, null, true, 'say "\\\u0001/'] }, b: { const: "y" } } },
      payloads: {
        '{"a": "x", "b": "y"}': "in",
        '{"a": 1.0}': "in",
        '{"a": null}': "in",
        '{"a": true}': "in",
        '{"a": "say \\"\\\\\\u0001/"}': "in",
        '{"a": "1"}': 'at "/a": expected one of the 5 values of the schema, found a string of 1 character',
        '{"a": ["x"]}': 'at "/a": expected one of the 5 values of the schema, found an array of 1',
        '{"a": false}': 'at "/a": expected one of the 5 values of the schema, found a boolean',
        '{"b": "z"}': 'at "/b": expected the constant of the schema, found a string of 1 character',
        '{"b": ["y"]}': 'at "/b": expected the constant of the schema, found an array of 1',
      },
    },
    {
      what: "enum of many, with null and without, and of several types",
      schema: {
        properties: {
          a: { anyOf: [{ enum: ["a", "b", "c", "d", "e", null] }, { type: "boolean" }] },
          'q"/\\': { items: { enum: [1, 2, 3, 4, 5] } },
          c: { enum: ["a", "b", 1, 2, null, true] },
        },
      },
      payloads: {
        '{"a": "e", "q\\"/\\\\": [5.0, 1], "c": "b"}': "in",
        '{"a": null, "c": 2.0}': "in",
        '{"a": true, "c": null}': "in",
        '{"q\\"/\\\\": [1, 2, 6]}': 'at "/q\\"~1\\\\/2": expected one of the 5 values of the schema, found an integer',
        '{"q\\"/\\\\": [null]}': 'at "/q\\"~1\\\\/0": expected one of the 5 values of the schema, found null',
        '{"q\\"/\\\\": ["1"]}':
          'at "/q\\"~1\\\\/0": expected one of the 5 values of the schema, found a string of 1 character',
        '{"a": "f"}':
          'at "/a": none of the 2 schemas of anyOf fits: at "/a": expected one of the 6 values of the schema, found a string of 1 character; at "/a": expected boolean, found a string of 1 character',
        '{"c": "1"}': 'at "/c": expected one of the 6 values of the schema, found a string of 1 character',
        '{"c": false}': 'at "/c": expected one of the 6 values of the schema, found a boolean',
      },
    },
    {
      what: "enum and const of lists and objects, which are equal whatever the order of their keys",
      schema: { anyOf: [{ enum: [[1, 2], { a: 1, b: [] }] }, { const: {} }] },
      withoutPredicate: true,
      payloads: {
        "[1.0,2]": "in",
        '{"b": [], "a": 1}': "in",
        "{}": "in",
        "[2,1]":
          'at "": none of the 2 schemas of anyOf fits: at "": expected one of the 2 values of the schema, found an array of 2; at "": expected the constant of the schema, found an array of 2',
      },
    },
    {
      what: "properties, of objects alone, and only where they are there",
      schema: { properties: { a: { type: "string" }, "b/c~\"'\\": { properties: { d: false } } } },
      payloads: {
        "{}": "in",
        '{"a": "x", "z": 1}': "in",
        "[]": "in",
        '[{"a": 1}]': "in",
        '{"a": 1}': 'at "/a": expected string, found an integer',
        '{"b/c~\\"\'\\\\": {"d": 1}}': 'at "/b~1c~0\\"\'\\\\/d": nothing is allowed here, found an integer',
        '{"a": null}': 'at "/a": expected string, found null',
      },
    },
    {
      what: "required, of objects alone",
      schema: { required: ["b", "a", '"'] },
      payloads: {
        '{"a": null, "b": 1, "\\"": 0}': "in",
        "7": "in",
        '["a"]': "in",
        '"b"': "in",
        '{"a": 1}': 'at "": the required property "b" is missing',
        '{"a": 1, "b": 1}': 'at "": the required property "\\"" is missing',
      },
    },
    {
      what: "additional properties, none",
      schema: { properties: { a: true }, additionalProperties: false },
      payloads: {
        '{"a": 1}': "in",
        "[{}]": "in",
        '{"a": 1, "b": 1}': 'at "/b": nothing is allowed here, found an integer',
        '{"key": 1}': 'at "/key": nothing is allowed here, found an integer',
      },
    },
    {
      what: "additional properties, of a schema",
      schema: { properties: { a: {} }, additionalProperties: { type: "number", maximum: 3 } },
      payloads: {
        '{"a": "any", "b": 3, "value": 1, "key": 2}': "in",
        '{"b": 4}': 'at "/b": expected at most 3, found more',
      },
    },
    {
      what: "items, and how many",
      schema: { items: { type: "array", items: { type: "integer" } }, minItems: 1, maxItems: 2 },
      payloads: {
        "[[1, 2], []]": "in",
        '{"0": 1}': "in",
        "[1]": 'at "/0": expected array, found an integer',
        "[[], [1, [2]]]": 'at "/1/1": expected integer, found an array of 1',
        "[]": 'at "": expected at least 1 element, found 0',
        "[[], [], []]": 'at "": expected at most 2 elements, found 3',
      },
    },
    {
      what: "anyOf beside allOf",
      schema: {
        anyOf: [{ type: "null" }, { type: "object", properties: { n: { type: "number" } } }],
        allOf: [{ required: ["n"] }, { properties: { n: { minimum: 1 } } }],
      },
      payloads: {
        null: "in",
        '{"n": 1}': "in",
        '{"n": 0}': 'at "/n": expected at least 1, found less',
        "{}": 'at "": the required property "n" is missing',
        '{"n": "1"}':
          'at "": none of the 2 schemas of anyOf fits: at "": expected null, found an object; at "/n": expected number, found a string of 1 character',
      },
    },
    {
      what: "references to any place of the schema",
      schema: {
        definitions: { id: { type: "integer", $defs: { "a~b": { type: "null" } } } },
        properties: {
          a: { $ref: "#/definitions/id" },
          b: { $ref: "#/properties/a" },
          c: { $ref: "#/definitions/id/$defs/a~0b" },
          d: { anyOf: [{ type: "string" }] },
          e: { $ref: "#/properties/d/anyOf/0" },
        },
      },
      payloads: {
        '{"a": 1, "b": 2, "c": null, "d": "d", "e": "e"}': "in",
        '{"b": "2"}': 'at "/b": expected integer, found a string of 1 character',
        '{"c": 1}': 'at "/c": expected null, found an integer',
        '{"e": 1}': 'at "/e": expected string, found an integer',
      },
    },
    {
      what: "references, and what stands beside them",
      schema: {
        $defs: { id: { $ref: "#/$defs/a~1b" }, "a/b": { type: "integer" }, unused: false },
        properties: { a: { $ref: "#/$defs/id", minimum: 2 }, b: { items: { $ref: "#/$defs/id" } } },
      },
      payloads: {
        '{"a": 2, "b": [1, 2]}': "in",
        '{"a": 1}': 'at "/a": expected at least 2, found less',
        '{"a": "2"}': 'at "/a": expected integer, found a string of 1 character',
        '{"b": [1, "2"]}': 'at "/b/1": expected integer, found a string of 1 character',
      },
    },
    {
      what: "references with escapes, to anchors, and by the schema's own address",
      schema: {
        $id: "https://shop.test/schemas/order.json",
        enum: [{ $anchor: "id" }, { a: 1 }, { a: "1" }, { b: "1" }, { c: 1 }, { d: 1 }, { e: 1 }, { f: 1 }],
        $defs: {
          "é 100%": { $anchor: "id", type: "integer" },
          own: { properties: { $anchor: { $anchor: "text", type: "string" } }, default: { $anchor: "text" } },
        },
        properties: {
          a: { $ref: "#/$defs/%C3%A9%20100%25" },
          b: { $ref: "#id" },
          c: { $ref: "https://shop.test/schemas/order.json#text" },
          d: { $ref: "/schemas/order.json#/%24defs/own/properties/%24anchor" },
          e: { $ref: "order.json#%74ext" },
        },
      },
      withoutPredicate: true,
      payloads: {
        '{"a": 1}': "in",
        '{"f": 1}': "in",
        '{"a": "1"}': 'at "/a": expected integer, found a string of 1 character',
        '{"b": "1"}': 'at "/b": expected integer, found a string of 1 character',
        '{"c": 1}': 'at "/c": expected string, found an integer',
        '{"d": 1}': 'at "/d": expected string, found an integer',
        '{"e": 1}': 'at "/e": expected string, found an integer',
      },
    },
    {
      what: "oneOf",
      schema: {
        properties: {
          a: { oneOf: [{ type: "integer" }, { minimum: 2 }, { enum: ["x", "y", "z", "v", "w"] }] },
          b: { oneOf: [true] },
          c: { oneOf: [{ required: ["card"] }, { required: ["iban"] }] },
        },
      },
      payloads: {
        '{"a": 1, "b": 1, "c": {"card": 1}}': "in",
        '{"a": 2.5, "c": {"iban": 1}}': "in",
        '{"a": 2}': 'at "/a": more than one of the 3 schemas of oneOf fits: number 0 and number 1, counted from 0',
        '{"a": "x"}': 'at "/a": more than one of the 3 schemas of oneOf fits: number 1 and number 2, counted from 0',
        '{"a": 0.5}':
          'at "/a": none of the 3 schemas of oneOf fits: at "/a": expected integer, found a number that is not an integer; at "/a": expected at least 2, found less; at "/a": expected one of the 5 values of the schema, found a number that is not an integer',
        '{"c": {"card": 1, "iban": 1}}':
          'at "/c": more than one of the 2 schemas of oneOf fits: number 0 and number 1, counted from 0',
        '{"c": {}}':
          'at "/c": none of the 2 schemas of oneOf fits: at "/c": the required property "card" is missing; at "/c": the required property "iban" is missing',
      },
    },
    {
      what: "oneOf in oneOf, twenty levels",
      schema: Array(20)
        .fill(null)
        .reduce<Json>((inner) => ({ oneOf: [inner, { type: "null" }] }), { type: "integer" }),
      withoutPredicate: true,
      payloads: { "1": "in" },
    },
    {
      what: "oneOf of many",
      schema: { oneOf: Array.from({ length: 300 }, (_, n) => ({ const: n % 299 })) },
      payloads: {
        "298": "in",
        "0": 'at "": more than one of the 300 schemas of oneOf fits: number 0 and number 299, counted from 0',
      },
    },
    {
      what: "not",
      schema: { not: { type: "string" }, properties: { a: { not: { not: { type: "integer" } } }, b: { not: {} } } },
      payloads: {
        "1": "in",
        '{"a": 1}': "in",
        '"x"': 'at "": the schema of not fits, found a string of 1 character',
        '{"a": "x"}': 'at "/a": the schema of not fits, found a string of 1 character',
        '{"b": null}': 'at "/b": the schema of not fits, found null',
      },
    },
    {
      what: "prefixItems, of elements that are there, and items for those after them",
      schema: { prefixItems: [{ type: "integer" }, { enum: ["a", "b", "c", "d", "e"] }], items: { type: "null" } },
      payloads: {
        "[]": "in",
        "[1]": "in",
        '[1, "e", null, null]': "in",
        '{"0": "x"}': "in",
        '["x"]': 'at "/0": expected integer, found a string of 1 character',
        '[1, "f"]': 'at "/1": expected one of the 5 values of the schema, found a string of 1 character',
        '[1, "a", null, 2]': 'at "/3": expected null, found an integer',
      },
    },
    {
      what: "prefixItems alone, and nothing after them",
      schema: { properties: { a: { prefixItems: [{ type: "integer" }] }, b: { prefixItems: [true], items: false } } },
      payloads: {
        '{"a": [1, "x"], "b": ["x"]}': "in",
        '{"b": [1, 2]}': 'at "/b/1": nothing is allowed here, found an integer',
      },
    },
    {
      what: "contains",
      schema: {
        contains: { type: "integer", minimum: 2 },
        minContains: 1,
        items: { contains: true, minContains: 0 },
        maxItems: 3,
      },
      payloads: {
        '["x", 2]': "in",
        '{"0": 1}': "in",
        "[[], 3]": "in",
        "[]": 'at "": expected at least 1 element that fit contains, found 0',
        '["x", 1]': 'at "": expected at least 1 element that fit contains, found 0',
      },
    },
    {
      what: "contains, counted",
      schema: {
        properties: {
          a: { contains: { type: "integer" }, minContains: 2, maxContains: 3 },
          b: { contains: { type: "integer" }, minContains: 0, maxContains: 1 },
          c: { minContains: 2, maxContains: 1 },
        },
      },
      withoutPredicate: true,
      payloads: {
        '{"a": [1, "x", 2], "b": [], "c": [1]}': "in",
        '{"a": [1, 2, 3], "b": [1, "x"]}': "in",
        '{"a": [1, "x"]}': 'at "/a": expected at least 2 elements that fit contains, found 1',
        '{"a": [1, 2, 3, 4]}': 'at "/a": expected at most 3 elements that fit contains, found more',
        '{"b": [1, "x", 2]}': 'at "/b": expected at most 1 element that fit contains, found more',
      },
    },
    {
      what: "what only describes is let through",
      schema: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: "https://shop.test/order",
        $comment: "a",
        title: "b",
        description: "c",
        default: {},
        examples: [1],
        deprecated: true,
        readOnly: true,
        writeOnly: false,
        format: "email",
      },
      payloads: { '"no address"': "in", null: "in" },
    },
    { what: "true", schema: true, payloads: { "[]": "in" } },
    { what: "false", schema: false, payloads: { "[]": 'at "": nothing is allowed here, found an array of 0' } },
    {
      what: "a key that is there twice counts as it does to most readers: the last",
      schema: { properties: { a: { type: "integer" } } },
      payloads: {
        '{"a": "1", "a": 1}': "in",
        '{"a": 1, "a": "1"}': 'at "/a": expected integer, found a string of 1 character',
      },
    },
  ];
  for (const { what, schema, payloads, withoutPredicate } of cases) {
    test(what, async () => {
      await define(schema);
      assert.equal(
        await askFor(database.pool, "select predicate is null from postrider.event_type"),
        withoutPredicate === true,
      );
      const found: Record<string, string> = {};
      for (const payload of Object.keys(payloads)) {
        found[payload] = await verdictOn(payload);
        const walked = found[payload] === "in";
        assert.deepEqual(
          await judge(schema, [payload]),
          [{ walked, predicted: withoutPredicate ? null : walked }],
          payload,
        );
      }
      assert.deepEqual(found, payloads);
      assert.equal(
        Number(await askFor(database.pool, "select count(*) from postrider.outbox")),
        Object.values(payloads).filter((verdict) => verdict === "in").length,
      );
    });
  }
});

/** The specification's verdict, in TypeScript. Expects a valid schema. */
function fits(schema: Json, value: Json): boolean {
  if (typeof schema === "boolean") return schema;
  assert.ok(isObject(schema));
  return Object.entries(schema).every(([keyword, argument]) => fitsKeyword(schema, keyword, argument, value));
}

function fitsKeyword(schema: { readonly [name: string]: Json }, keyword: string, argument: Json, value: Json): boolean {
  const { properties } = schema;
  const limit = typeof argument === "number" ? argument : Number.NaN;
  const list = Array.isArray(argument) ? (argument as readonly Json[]) : [argument];
  switch (keyword) {
    case "type":
      return list.some((type) => type === typeOf(value) || (type === "number" && typeOf(value) === "integer"));
    case "enum":
      return list.some((option) => canonical(option) === canonical(value));
    case "const":
      return canonical(argument) === canonical(value);
    case "minimum":
      return typeof value !== "number" || value >= limit;
    case "maximum":
      return typeof value !== "number" || value <= limit;
    case "exclusiveMinimum":
      return typeof value !== "number" || value > limit;
    case "exclusiveMaximum":
      return typeof value !== "number" || value < limit;
    case "minLength":
      return typeof value !== "string" || [...value].length >= limit;
    case "maxLength":
      return typeof value !== "string" || [...value].length <= limit;
    case "minItems":
      return !Array.isArray(value) || value.length >= limit;
    case "maxItems":
      return !Array.isArray(value) || value.length <= limit;
    case "items":
      return (
        !Array.isArray(value) || value.slice(arrayOf(schema.prefixItems).length).every((each) => fits(argument, each))
      );
    case "prefixItems":
      return !Array.isArray(value) || list.every((part, n) => n >= value.length || fits(part, value[n] ?? null));
    case "contains":
      return !Array.isArray(value) || containsEnough(schema, value);
    case "minContains":
    case "maxContains":
      return true;
    case "required":
      return !isObject(value) || list.every((name) => Object.hasOwn(value, String(name)));
    case "properties":
      return (
        !isObject(value) ||
        entries(argument).every(([name, part]) => !(name in value) || fits(part, value[name] ?? null))
      );
    case "additionalProperties":
      return entries(value).every(
        ([name, part]) => entries(properties ?? null).some(([known]) => known === name) || fits(argument, part),
      );
    case "anyOf":
      return list.some((option) => fits(option, value));
    case "allOf":
      return list.every((option) => fits(option, value));
    case "oneOf":
      return list.filter((option) => fits(option, value)).length === 1;
    case "not":
      return !fits(argument, value);
    default:
      return assert.fail(`the model does not know ${keyword}`);
  }
}

function containsEnough(schema: { readonly [name: string]: Json }, elements: readonly Json[]): boolean {
  const { contains = true, minContains = 1, maxContains = Number.POSITIVE_INFINITY } = schema;
  const count = elements.filter((element) => fits(contains, element)).length;
  return count >= Number(minContains) && count <= Number(maxContains);
}

function arrayOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entries(value: Json): [string, Json][] {
  return isObject(value) ? Object.entries(value) : [];
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const sorted = entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`).join()}}`;
}

/** Few enough names and values that schema and payload often share them. */
const NAMES = ["a", "b", "key", 'q"\\'];
const someName = fc.constantFrom(...NAMES);
const someScalar: fc.Arbitrary<Json> = fc.constantFrom(
  null,
  true,
  false,
  0,
  1,
  1.5,
  -2,
  7,
  "",
  "a",
  "ab",
  "a\n\u00e4👍",
);
const somePayload = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    someScalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(someName, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const someTypes = fc.constantFrom("null", "boolean", "object", "array", "number", "integer", "string");
const someSchema = fc.letrec<{ schema: Json }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof({ weight: 6, arbitrary: fc.record({ type: someTypes }) }, { weight: 1, arbitrary: fc.boolean() }),
    fc.record(
      {
        type: fc.oneof(someTypes, fc.uniqueArray(someTypes, { minLength: 1, maxLength: 4 })),
        enum: fc.oneof(
          fc.array(fc.oneof({ weight: 5, arbitrary: someScalar }, somePayload), { minLength: 1, maxLength: 4 }),
          // many of one type, with and without null, are compared as a list
          fc.subarray([null, "", "a", "ab", "b", "a\n\u00e4👍", 'q"\\'], { minLength: 4 }),
          fc.subarray([null, 0, 1, 1.5, 2, -2, 7], { minLength: 4 }),
          fc.subarray([null, true, "a", "ab", "b", 1, 7], { minLength: 4 }),
        ),
        const: someScalar,
        minimum: fc.constantFrom(-2, 0, 1.5),
        maximum: fc.constantFrom(0, 1, 7),
        exclusiveMinimum: fc.constantFrom(-2, 0),
        exclusiveMaximum: fc.constantFrom(1.5, 7),
        minLength: fc.nat(3),
        maxLength: fc.nat(4),
        minItems: fc.nat(2),
        maxItems: fc.nat(3),
        items: tie("schema"),
        required: fc.uniqueArray(someName, { maxLength: 2 }),
        properties: fc.dictionary(someName, tie("schema"), { maxKeys: 3, noNullPrototype: true }),
        additionalProperties: tie("schema"),
        anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
        allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    // in a record of their own, because a payload seldom fits all of so many
    fc.record(
      {
        oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 5 }),
        not: tie("schema"),
        items: tie("schema"),
        prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
        contains: tie("schema"),
        minContains: fc.nat(2),
        maxContains: fc.nat(2),
      },
      { requiredKeys: [] },
    ),
  ),
})).schema;

/** The newest server gets the most, because what differs by server is how a value is compared, not how schemas combine. */
const RUNS = (majorOfRun() ?? NEWEST) === NEWEST ? 400 : 100;

test("predicate and walk agree with the specification for any schema and payload", async () => {
  const said = { in: 0, refused: 0, predicted: 0 };
  await fc.assert(
    fc.asyncProperty(someSchema, fc.array(somePayload, { minLength: 5, maxLength: 10 }), async (schema, payloads) => {
      const judgements = await judge(
        schema,
        payloads.map((payload) => JSON.stringify(payload)),
      );
      for (const [index, payload] of payloads.entries()) {
        const expected = fits(schema, payload);
        const { walked, predicted } = judgements[index] ?? assert.fail();
        assert.equal(walked, expected, JSON.stringify(payload));
        assert.ok(predicted === null || predicted === expected, JSON.stringify(payload));
        said[expected ? "in" : "refused"] += 1;
        if (predicted !== null) said.predicted += 1;
      }
    }),
    { numRuns: RUNS },
  );
  // The comparison proves nothing if all verdicts are the same.
  assert.ok(Math.min(said.in, said.refused, said.predicted) > RUNS / 4, JSON.stringify(said));
});

test("any JSON Schema describes a type, and what is outside the subset is refused as soon as it is to be enforced", async () => {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    definitions: { user: { properties: { email: { pattern: "@" } } }, tree: { items: { $ref: "#/definitions/tree" } } },
    oneOf: [{ $ref: "#/definitions/user" }, { $ref: "https://shop.test/other.json" }],
    if: { not: { required: ["a"] } },
    else: { patternProperties: { "^x-": false } },
    unevaluatedProperties: false,
    description: "x".repeat(500_000),
  };
  await database.pool.query("select postrider.define_event_type('order.paid', null, $1)", [JSON.stringify(schema)]);
  assert.equal(await verdictOn("1"), "in");
  for (const enforce of [
    "update postrider.event_type set enforce = true",
    "select postrider.define_event_type('order.paid', enforce => true)",
  ]) {
    assert.match(
      await refusalOf(database.pool, enforce),
      /^22023\ncannot define the event type "order.paid": its JSON Schema/,
    );
  }
  for (const nothing of ["5", "null", "[]"]) {
    assert.match(
      await refusalOf(database.pool, "select postrider.define_event_type('order.sent', null, $1)", [nothing]),
      /is not a schema but of the type/,
    );
  }
  assert.match(
    await refusalOf(database.pool, "select postrider.define_event_type('order.sent', null, $1)", [
      JSON.stringify({ description: "x".repeat(1_100_000) }),
    ]),
    /The limit is 1048576/,
  );
  await database.pool.query("select postrider.drop_event_type('order.paid')");
});

describe("a schema that cannot be enforced is refused when it is to be, with the place, the reason and what to do:", () => {
  const nested = (levels: number): Json => (levels === 0 ? true : { items: nested(levels - 1) });
  const lists = (levels: number): Json =>
    Array(levels - 1)
      .fill(null)
      .reduce<Json>((inner) => [inner], []);
  const doubling = Object.fromEntries(
    Array.from({ length: 25 }, (_, n) => [
      `d${n}`,
      // Long, because a small one takes seconds until it has doubled to the limit.
      n === 0 ? { const: "x".repeat(1_000) } : { anyOf: [ref(n - 1), ref(n - 1)] },
    ]),
  );
  function ref(n: number): Json {
    return { $ref: `#/$defs/d${n}` };
  }
  const cases: readonly (readonly [what: string, schema: Json, problem: string, advice: RegExp])[] = [
    [
      "pattern",
      { properties: { "a/b": { pattern: "^a" } } },
      ', at "/properties/a~1b/pattern", is not supported',
      /for long/,
    ],
    ["an empty oneOf", { items: { oneOf: [] } }, ', at "/items/oneOf", must be a list that is not empty', /./],
    ["prefixItems that are one schema", { prefixItems: {} }, ', at "/prefixItems", must be a list', /./],
    ["not that is a list", { not: [] }, ', at "/not", must be a schema', /./],
    ["contains half a time", { contains: {}, minContains: 0.5 }, ', at "/minContains", must be a whole number', /./],
    ["an anchor that is none", { $anchor: "#a" }, ', at "/$anchor", must be a name', /./],
    ["a reference to no anchor", { $ref: "#a" }, ', at "/$ref", refers to a definition that is not there, "#a"', /top/],
    [
      "a reference to an anchor that is there twice",
      { $ref: "#a", $defs: { b: { $anchor: "a" }, c: { $anchor: "a" } } },
      ', at "/$ref", refers to an anchor that is there 2 times, "a"',
      /no other place/,
    ],
    [
      "a circle of an anchor and a place",
      { $ref: "#a", $defs: { b: { $anchor: "a", not: { $ref: "#/$defs/b" } } } },
      ', at "/$defs/b/not/$ref", refers to the definition that it is part of, "b"',
      /levels/,
    ],
    ...["#/anyOf/-1", "#/anyOf/01", "#/anyOf/+1", "#/anyOf/%201", "#/anyOf/2", "#/anyOf/-"].map(
      (reference) =>
        [
          `the reference ${reference} to no element of a list`,
          { anyOf: [true, { type: "string" }], not: { $ref: reference } },
          `, at "/not/$ref", refers to a definition that is not there, "${reference}"`,
          /top/,
        ] as const,
    ),
    ...["#/$defs/%zz", "#/$defs/%C3", "#%00", "order.json"].map(
      (reference) =>
        [
          `the reference ${reference}`,
          { $ref: reference },
          ', at "/$ref", must be a place of this schema, such as #/$defs/NAME',
          /top/,
        ] as const,
    ),
    [
      "an unknown keyword",
      { anyOf: [true, { "x-y\n": 1 }] },
      ', at "/anyOf/1/x-y\\n", is not supported',
      /sql\/event-types\.md/,
    ],
    [
      "multipleOf",
      { additionalProperties: { multipleOf: 2 } },
      ', at "/additionalProperties/multipleOf", is not supported',
      /application/,
    ],
    [
      "a keyword of a definition that nothing refers to",
      { $defs: { a: { if: {} } } },
      ', at "/$defs/a/if", is not supported',
      /application/,
    ],
    ["no schema", 5, ', at "", is not a schema but of the type number', /object, true or false/],
    ["null", null, ', at "", is not a schema but of the type null', /object, true or false/],
    [
      "a property that is not a schema",
      { properties: { a: [] } },
      ', at "/properties/a", is not a schema but of the type array',
      /object/,
    ],
    [
      "an unknown type",
      { type: "int" },
      ', at "/type", must be null, boolean, object, array, number, integer or string, or a list of these',
      /./,
    ],
    ["no type", { type: [] }, ', at "/type", must be null, ', /./],
    ["a type in a list in a list", { type: [["string"]] }, ', at "/type", must be null, ', /./],
    ["required that is not a list", { required: "a" }, ', at "/required", must be a list of names', /./],
    [
      "required with an element that is not a name",
      { required: ["a", 1] },
      ', at "/required", must be a list of names',
      /./,
    ],
    ["properties that are a list", { properties: [] }, ', at "/properties", must be an object of schemas', /./],
    ["items by place", { items: [{ type: "string" }] }, ', at "/items", must be a schema', /one an element/],
    ["an empty enum", { enum: [] }, ', at "/enum", must be a list that is not empty', /./],
    ["an empty anyOf", { anyOf: [] }, ', at "/anyOf", must be a list that is not empty', /./],
    ["a bound that is a text", { minimum: "1" }, ', at "/minimum", must be a number', /./],
    ["a bound as it was in draft 4", { exclusiveMinimum: true }, ', at "/exclusiveMinimum", must be a number', /./],
    ["a negative length", { minLength: -1 }, ', at "/minLength", must be a whole number of 0 to 2147483647', /./],
    ["half an element", { maxItems: 1.5 }, ', at "/maxItems", must be a whole number of 0 to 2147483647', /./],
    [
      "a reference elsewhere",
      { $ref: "https://shop.test/a" },
      ', at "/$ref", must be a place of this schema, such as #/$defs/NAME',
      /top/,
    ],
    [
      "a reference to the whole",
      { items: { $ref: "#" } },
      ', at "/items/$ref", refers to the definition that it is part of, "#"',
      /levels/,
    ],
    [
      "a reference to nothing",
      { $ref: "#/$defs/a" },
      ', at "/$ref", refers to a definition that is not there, "a"',
      /top/,
    ],
    [
      "a circle",
      { $ref: "#/$defs/a", $defs: { a: { items: { $ref: "#/$defs/a" } } } },
      ', at "/$defs/a/items/$ref", refers to the definition that it is part of, "a"',
      /levels/,
    ],
    [
      "an $id further down",
      { items: { $id: "a" } },
      ', at "/items/$id", is supported at the top of the schema only',
      /top/,
    ],
    ["33 levels", nested(33), " is nested deeper than 32 levels", /levels/],
    [
      "references that double at each step",
      { ...(ref(24) as object), $defs: doubling },
      " is larger than 131072 bytes once its references are written out",
      /Refer to fewer/,
    ],
    ["a default of 6,000 levels", { default: lists(6_000) }, ', at "", is nested deeper than 128 levels', /examples/],
    ["a constant of 128 levels", { const: lists(128) }, ', at "", is nested deeper than 128 levels', /const/],
    ["more than 64 KiB", { description: "x".repeat(70_000) }, ', at "", has 70019 bytes', /The limit is 65536/],
  ];
  for (const [what, schema, problem, advice] of cases) {
    test(what, async () => {
      const refusal = await refusalOf(
        database.pool,
        "select postrider.define_event_type('order.paid', null, $1, enforce => true)",
        [JSON.stringify(schema)],
      );
      const [code, message, , hint] = refusal.split("\n");
      assert.equal(code, "22023", refusal);
      assert.ok(message?.startsWith('cannot define the event type "order.paid": its JSON Schema'), refusal);
      assert.ok(message?.includes(problem), refusal);
      assert.match(String(hint), advice);
      assert.equal(
        await refusalOf(
          database.pool,
          "insert into postrider.event_type (name, json_schema, enforce) values ('order.paid', $1, true)",
          [JSON.stringify(schema)],
        ),
        refusal,
      );
      assert.deepEqual(await rowsOf(database.pool, "select name from postrider.event_type"), []);
    });
  }

  test("32 levels are accepted, also by the walk", async () => {
    await define(nested(32));
    const payload = `${"[".repeat(40)}${"]".repeat(40)}`;
    assert.equal(await verdictOn(payload), "in");
    assert.deepEqual(await judge(nested(32), [payload]), [{ walked: true, predicted: true }]);
  });

  test("values of 127 levels are accepted", async () => {
    await define({ enum: [lists(125)], default: lists(127) });
    assert.equal(await verdictOn(JSON.stringify(lists(125))), "in");
  });

  test("hundreds of properties and values are accepted", async () => {
    const names = Array.from({ length: 500 }, (_, n) => `name_${n}`);
    const schema = {
      properties: Object.fromEntries(names.map((name) => [name, { enum: names }])),
      required: names.slice(0, 40),
      additionalProperties: false,
    };
    // 500 times 500 is more than a schema may have
    const refusal = await refusalOf(
      database.pool,
      "select postrider.define_event_type('order.paid', null, $1, enforce => true)",
      [JSON.stringify(schema)],
    );
    assert.match(refusal, /its JSON Schema, at "", has \d+ bytes/);
    const smaller = {
      ...schema,
      properties: Object.fromEntries(names.map((name, n) => [name, n === 0 ? { enum: names } : true])),
    };
    await define(smaller);
    const payload = JSON.stringify(Object.fromEntries(names.map((name) => [name, "name_499"])));
    assert.equal(await verdictOn(payload), "in");
    assert.deepEqual(await judge(smaller, [payload, "{}"]), [
      { walked: true, predicted: true },
      { walked: false, predicted: false },
    ]);
  });
});

describe("a payload that Postgres cannot read, or not in bounded time,", () => {
  const lists = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  const hostile: Readonly<Record<string, readonly [payload: string, refusal: RegExp]>> = {
    "with a NUL": ['{"a": "\\u0000"}', /^Postgres cannot read it: unsupported Unicode escape sequence$/],
    "with half a surrogate": ['"\\ud800"', /^Postgres cannot read it: /],
    "with a number beyond numeric": ["1e999999", /^Postgres cannot read it: value overflows numeric format$/],
    "of more than a megabyte": [
      JSON.stringify("x".repeat(1_048_575)),
      /^it has 1048577 bytes, and at most 1048576 are checked$/,
    ],
    "of thousands of levels": [lists(5_000), /^at "": expected object, found an array of 1$/],
    "of a hundred thousand values": [
      `{"a": ${JSON.stringify(Array(100_000).fill("x"))}}`,
      /^at "\/a\/0": expected integer/,
    ],
    "of which only the last value is bad": [
      `{"a": [${"1,".repeat(20_000)}"x"]}`,
      /^the place was not found within the limit of 10000 steps$/,
    ],
    "with a name that would break a log line": [
      '{"a\\nb": 1, "a": [], "b": null}',
      /^at "\/a\\nb": nothing is allowed here/,
    ],
  };
  const schema = {
    type: "object",
    properties: { a: { type: "array", items: { type: "integer" } }, b: { type: "null" } },
    additionalProperties: false,
  };
  for (const [what, [payload, refusal]] of Object.entries(hostile)) {
    test(`${what}, is refused where its type is enforced, and inserted where it is not`, async () => {
      await define(schema);
      await define(schema, "order.other");
      await database.pool.query("update postrider.event_type set enforce = false where name = 'order.other'");
      assert.match(await verdictOn(payload), refusal);
      for (const name of ["order.other", "order.unknown"]) {
        await insertEvent(database.pool, name, { payload });
      }
      assert.equal(
        await askFor(database.pool, "select count(*) from postrider.outbox where payload::text = $1", [payload]),
        "2",
      );
    });
  }

  test("takes no longer than the schema makes it", async () => {
    // Each value is tried against each of 64 schemas, and fits none: the walk is stopped, not the server.
    const some = (depth: number): Json =>
      depth === 0 ? { type: "boolean" } : { anyOf: Array(8).fill({ items: some(depth - 1) }) };
    await define({ anyOf: [{ enum: [[]] }, some(2)] });
    assert.match(
      await verdictOn(JSON.stringify(Array(300).fill(Array(300).fill(1)))),
      /^the place was not found within the limit of 10000 steps|none of the/,
    );
  });

  const repeated = (count: number, value: Json): Json => Array(count).fill(value);
  const codes = (count: number): Json => Array.from({ length: count }, (_, n) => `C${n}`);
  const properties = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`property_${n}`, { type: "integer" }]));
  const wide = Object.fromEntries(Object.keys(properties).map((name) => [name, 1]));
  const doubling = Object.fromEntries(
    Array.from({ length: 10 }, (_, n) => {
      const inner = { $ref: `#/$defs/d${n - 1}` };
      return [`d${n}`, n === 0 ? { type: "integer" } : { anyOf: [inner, inner] }];
    }),
  );
  const line = {
    type: "object",
    required: ["sku", "quantity"],
    properties: { sku: { type: "string", maxLength: 40 }, quantity: { type: "integer", minimum: 1 } },
    additionalProperties: false,
  };
  const unknown = Object.fromEntries(Array.from({ length: 85_000 }, (_, n) => [`k${n}`, 1]));

  const taken: Readonly<Record<string, readonly [schema: Json, payload: Json]>> = {
    "14,000 codes of 249": [{ items: { enum: codes(249) } }, repeated(14_000, "C248")],
    "1,000 codes of 3,000": [{ items: { enum: codes(3_000) } }, repeated(1_000, "C2999")],
    "2,400 lines of an order": [{ items: line }, repeated(2_400, { sku: "A-1234567890", quantity: 2 })],
    "32 closed objects of 200 properties": [{ items: { properties, additionalProperties: false } }, repeated(32, wide)],
  };
  for (const [what, [fitting, payload]] of Object.entries(taken)) {
    test(`is not one of ${what}, which are accepted`, async () => {
      await define(fitting);
      assert.ok(await askFor(database.pool, "select predicate is not null from postrider.event_type"));
      assert.equal(await verdictOn(JSON.stringify(payload)), "in");
    });
  }

  const tooMuch: Readonly<Record<string, readonly [schema: Json, payload: Json]>> = {
    "149,000 codes of 249": [{ items: { enum: codes(249) } }, repeated(149_000, "C248")],
    "500,000 values for each of 1,024 branches": [
      { items: { $ref: "#/$defs/d9" }, $defs: doubling },
      repeated(500_000, 1),
    ],
    "20,000 values for each of 300 branches of oneOf": [
      { items: { oneOf: (codes(300) as Json[]).map((code) => ({ const: code })) } },
      repeated(20_000, "C5"),
    ],
    "20,000 values to count": [{ contains: { type: "string" }, minContains: 2 }, repeated(20_000, 1)],
    "85,000 names that are none of 200": [{ properties, additionalProperties: { type: "integer" } }, unknown],
    "300,000 empty objects, of which each may have 200 properties": [{ items: { properties } }, repeated(300_000, {})],
    "long texts for each of 300 branches": [
      { anyOf: repeated(300, { type: "string", minLength: 2, maxLength: 250 }), items: { type: "string" } },
      repeated(11_000, "x".repeat(80)),
    ],
    "200,000 values below a name of half a megabyte": [
      { additionalProperties: { items: { enum: codes(249) } } },
      { ["n".repeat(500_000)]: repeated(60_000, "C248") },
    ],
  };
  for (const [what, [dear, payload]] of Object.entries(tooMuch)) {
    test(`such as ${what}, is refused as too much work, and the hint says what to do`, async () => {
      await define(dear);
      const json = JSON.stringify(payload);
      const [code, message, , hint] = (await refusalOf(database.pool, INSERT, [json])).split("\n");
      assert.equal(code, "23514");
      assert.match(
        String(message),
        new RegExp(`it has ${json.length} bytes, too many to check against its schema: .* 10000 steps`),
      );
      assert.match(String(hint), /^Put less into one event, or /);
    });
  }

  const spooled: Readonly<Record<string, readonly [schema: Json, payload: Json, refusal: RegExp]>> = {
    elements: [{ items: { enum: [...(codes(900) as Json[]), 1] } }, repeated(20_000, 2), /^at "\/0": expected one of/],
    properties: [
      { additionalProperties: { enum: [...(codes(900) as Json[]), 2] } },
      unknown,
      /^at "\/k\d": expected one of/,
    ],
    branches: [
      { items: { allOf: [{ items: line }, { minItems: 3, items: line }] } },
      repeated(20, repeated(2_000, {})),
      /^at "\/0\/0": the required property "sku" is missing/,
    ],
  };
  for (const [what, [dear, payload, refusal]] of Object.entries(spooled)) {
    test(`is checked without spilling its ${what} to disk`, async (t) => {
      const session = await openSession(t, database.url);
      await define(dear);
      const written = await temporaryBytesOf(session, async () => {
        assert.match(await verdictOn(JSON.stringify(payload), session), refusal);
      });
      assert.equal(written, 0);
    });
  }

  test("counts as more steps below a long name, because the name is written for each value", async () => {
    await define({ additionalProperties: { items: { type: "integer" } } });
    const payload = (name: string) => JSON.stringify({ [name]: [...Array(5_000).fill(1), "x"] });
    assert.equal(await verdictOn(payload("n")), 'at "/n/5000": expected integer, found a string of 1 character');
    assert.equal(
      await verdictOn(payload("n".repeat(500_000))),
      "the place was not found within the limit of 10000 steps",
    );
  });

  test("shows none of its values in any part of the error", async () => {
    await define({
      properties: { a: { enum: ["x"] }, b: { maximum: 1 }, c: { maxLength: 3 }, d: { type: "null" }, e: { const: 1 } },
    });
    for (const name of ["a", "b", "c", "d", "e"]) {
      const payload = JSON.stringify({ [name]: name === "b" ? 5_551_234 : "5551234" });
      await assert.rejects(database.pool.query(INSERT, [payload]), (thrown: unknown) => {
        assert.ok(thrown instanceof pg.DatabaseError);
        assert.equal(thrown.code, "23514");
        assert.ok(!JSON.stringify({ ...thrown, message: thrown.message }).includes("5551234"), name);
        return true;
      });
    }
  });

  test("with a long name is refused with a message of bounded length", async () => {
    await define({ anyOf: Array(20).fill({ additionalProperties: false }) });
    const verdict = await verdictOn(JSON.stringify({ ["n".repeat(100_000)]: 1 }));
    assert.ok(verdict.length < 1_500, String(verdict.length));
  });
});

/** What a statement writes to temporary files when it may keep next to nothing in memory. */
async function temporaryBytesOf(session: Session, statement: () => Promise<unknown>): Promise<number> {
  const written = async () => {
    await session.query("select pg_stat_force_next_flush()");
    return Number(await askFor(session, "select temp_bytes from pg_stat_database where datname = current_database()"));
  };
  await session.query("set work_mem = '64kB'");
  const before = await written();
  await statement();
  return (await written()) - before;
}

interface Definition {
  readonly name: string;
  readonly description: string | null;
  readonly json_schema: Json;
  readonly enforce: boolean;
  readonly deprecated: boolean;
}

function catalogue(): Promise<Definition[]> {
  return rowsOf<Definition>(
    database.pool,
    "select name, description, json_schema, enforce, deprecated from postrider.event_type order by name",
  );
}

describe("a definition", () => {
  const STRING = { type: "string" };

  test("states the whole type and replaces the earlier definition, but keeps a schema that is left out", async () => {
    await database.pool.query(
      "select postrider.define_event_type('order.paid', 'An order was paid.', $1, true, deprecated => true)",
      [STRING],
    );
    assert.deepEqual(await catalogue(), [
      { name: "order.paid", description: "An order was paid.", json_schema: STRING, enforce: true, deprecated: true },
    ]);
    assert.notEqual(await verdictOn("1"), "in");
    await database.pool.query("select postrider.define_event_type('order.paid')");
    assert.deepEqual(await catalogue(), [
      { name: "order.paid", description: null, json_schema: STRING, enforce: false, deprecated: false },
    ]);
    assert.equal(await verdictOn("1"), "in");
    await database.pool.query("select postrider.define_event_type('order.paid', enforce => true)");
    assert.notEqual(await verdictOn("1"), "in");
  });

  test("is no longer enforced once it is dropped, by function or by hand", async () => {
    for (const drop of [
      "select postrider.drop_event_type('order.paid')",
      "delete from postrider.event_type where name = 'order.paid'",
    ]) {
      await define(STRING);
      await database.pool.query(drop);
      assert.equal(await verdictOn("1"), "in", drop);
    }
    assert.match(
      await refusalOf(database.pool, "select postrider.drop_event_type('order.paid')"),
      /^P0002\nthere is no event type "order.paid" in the catalogue/,
    );
  });

  test("can also be written by hand", async () => {
    await database.pool.query(
      "insert into postrider.event_type (name, json_schema, enforce) values ('order.paid', $1, true)",
      [STRING],
    );
    assert.notEqual(await verdictOn("1"), "in");
    await database.pool.query(
      `update postrider.event_type set json_schema = '{"type": "integer"}', checks = null, predicate = null`,
    );
    assert.equal(await verdictOn("1"), "in");
    assert.notEqual(await verdictOn('"a"'), "in");
    await database.pool.query("update postrider.event_type set name = 'order.other'");
    assert.equal(await verdictOn('"a"'), "in");
  });

  const refused: Readonly<Record<string, readonly [statement: string, code: string, by: RegExp]>> = {
    "without a name": ["select postrider.define_event_type(null)", "22023", /event type null/],
    "of a name that is none": ["select postrider.define_event_type('order..paid')", "22023", /joined by dots/],
    "of a name that is too long": [`select postrider.define_event_type('${"a".repeat(256)}')`, "22023", /at most 255/],
    "of Postrider's own types": [
      "select postrider.define_event_type('postrider.endpoint.disabled')",
      "22023",
      /Postrider's own/,
    ],
    "of Postrider's own types by hand": [
      "insert into postrider.event_type (name) values ('postrider.a')",
      "23514",
      /Postrider's own/,
    ],
    "of a name that is none by hand": [
      "insert into postrider.event_type (name) values ('a b')",
      "23514",
      /joined by dots/,
    ],
    "enforced without a schema": [
      "select postrider.define_event_type('order.paid', enforce => true)",
      "22023",
      /it has no schema/,
    ],
    "enforced without a schema by hand": [
      "insert into postrider.event_type (name, enforce) values ('a', true)",
      "23514",
      /only what has a schema/,
    ],
    "by truncate": ["truncate postrider.event_type", "0A000", /cannot truncate/],
    "with a second row of the policy": [
      "insert into postrider.event_type_policy (only_row) values (false)",
      "23514",
      /there is one row/,
    ],
  };
  for (const [what, [statement, code, by]] of Object.entries(refused)) {
    test(`is refused ${what}`, async () => {
      const refusal = await refusalOf(database.pool, statement);
      assert.equal(refusal.split("\n")[0], code, refusal);
      assert.match(refusal, by);
    });
  }

  test("leaves one row in the audit, with the values before and after", async (t) => {
    const session = await openSession(t, operator.url);
    await session.query("select postrider.define_event_type('order.paid', 'What', $1, true)", [STRING]);
    await session.query("select postrider.define_event_type('order.paid', 'What', $1, false)", [STRING]);
    await session.query("update postrider.event_type set description = null");
    await session.query("update postrider.event_type set description = null");
    await session.query("select postrider.drop_event_type('order.paid')");
    await session.query("select postrider.refuse_unknown_event_types('all are known')");
    await session.query("update postrider.event_type_policy set unknown_types = 'allowed'");
    const rows = await rowsOf(
      database.pool,
      "select actor, action, detail, before, after from postrider.audit order by at, id",
    );
    const last = { name: "order.paid", description: null, json_schema: STRING, enforce: false, deprecated: false };
    const actor = operator.name;
    assert.deepEqual(rows, [
      {
        actor,
        action: "define_event_type",
        detail: { name: "order.paid" },
        before: null,
        after: { ...last, description: "What", enforce: true },
      },
      {
        actor,
        action: "define_event_type",
        detail: { name: "order.paid" },
        before: { name: "order.paid", enforce: true },
        after: { name: "order.paid", enforce: false },
      },
      {
        actor,
        action: "update event_type",
        detail: {},
        before: { name: "order.paid", description: "What" },
        after: { name: "order.paid", description: null },
      },
      { actor, action: "drop_event_type", detail: { name: "order.paid" }, before: last, after: null },
      {
        actor,
        action: "refuse_unknown_event_types",
        detail: { reason: "all are known" },
        before: { unknown_types: "allowed" },
        after: { unknown_types: "refused" },
      },
      {
        actor,
        action: "update event_type_policy",
        detail: {},
        before: { unknown_types: "refused" },
        after: { unknown_types: "allowed" },
      },
    ]);
  });

  test("makes inserts check enforced types only; beyond a hundred, they check every type", async () => {
    const judged = "select postrider_internal.judged_event_types()";
    assert.deepEqual(await askFor(database.pool, judged), []);
    await define(true, "b");
    await define(true, "a");
    await database.pool.query("select postrider.define_event_type('c', json_schema => 'true')");
    assert.deepEqual(await askFor(database.pool, judged), ["a", "b"]);
    await database.pool.query(
      "insert into postrider.event_type (name, json_schema, enforce) select 'x.n' || g, 'false', true from generate_series(1, 99) g",
    );
    assert.equal(await askFor(database.pool, judged), null);
    await define(STRING);
    assert.notEqual(await verdictOn("1"), "in");
    assert.match(await refusalOf(database.pool, "select postrider.publish('x.n99', '1')"), /nothing is allowed here/);
    await insertEvent(database.pool, "order.other");
    await database.pool.query("delete from postrider.event_type where name <> 'a'");
    assert.deepEqual(await askFor(database.pool, judged), ["a"]);
  });

  for (const [what, look] of Object.entries({
    "the next maintenance": "select from postrider.maintain()",
    "grant_roles()": "select from postrider.grant_roles()",
  })) {
    test(`that a data-only restore brings is enforced from ${what} on, and so are later ones`, async () => {
      const tables = ["postrider.event_type", "postrider.event_type_policy"];
      const switchTriggers = async (to: string) => {
        for (const table of tables) await database.pool.query(`alter table ${table} ${to} trigger all`);
      };
      const judged = () => askFor(database.pool, "select postrider_internal.judged_event_types()");
      await define(STRING);
      const copied = await askFor(database.pool, "select to_jsonb(t) from postrider.event_type t");
      await database.pool.query("delete from postrider.event_type");
      // as pg_restore --data-only --disable-triggers does
      await switchTriggers("disable");
      await database.pool.query(
        "insert into postrider.event_type select r.* from jsonb_populate_record(null::postrider.event_type, $1) r",
        [copied],
      );
      await switchTriggers("enable");
      assert.deepEqual(await judged(), []);
      await database.pool.query(look);
      assert.deepEqual(await judged(), ["order.paid"]);
      assert.notEqual(await verdictOn("1"), "in");
      assert.deepEqual(
        await rowsOf(
          database.pool,
          "select tgname from pg_trigger where tgname like 'event_type%judged' and tgenabled = 'A' order by 1",
        ),
        [{ tgname: "event_type_judged" }, { tgname: "event_type_policy_judged" }],
      );
    });
  }

  test("is skipped by maintenance while another session edits the catalogue", async (t) => {
    const editor = await openSession(t, database.url);
    await editor.query("begin");
    await define(STRING, "order.paid", editor);
    await database.pool.query("select from postrider.maintain()");
    await editor.query("commit");
    assert.deepEqual(await askFor(database.pool, "select postrider_internal.judged_event_types()"), ["order.paid"]);
  });
});

describe("a type that is not in the catalogue", () => {
  test("is allowed until an operator refuses unknown types; the refusal then suggests the nearest name", async (t) => {
    const session = await openSession(t, operator.url);
    await session.query(
      "select postrider.define_event_type('order.paid'); select postrider.define_event_type('order.shipped')",
    );
    await insertEvent(database.pool, "order.payd");
    await session.query("select postrider.refuse_unknown_event_types()");
    const refusal = await refusalOf(database.pool, "select postrider.publish('order.payd', '1')");
    assert.match(
      refusal,
      /^23514\nthe event type "order.payd" is not in the catalogue\n.*refused.*\nDid you mean order\.paid\?/,
    );
    assert.doesNotMatch(
      await refusalOf(database.pool, "select postrider.publish('customer.created', '1')"),
      /Did you mean/,
    );
    await insertEvent(database.pool, "order.shipped");
    await session.query("select postrider.allow_unknown_event_types('too early')");
    await insertEvent(database.pool, "order.payd");
  });

  test("is still refused after the row of that setting was deleted", async (t) => {
    const session = await openSession(t, operator.url);
    await database.pool.query("delete from postrider.event_type_policy");
    await session.query("select postrider.refuse_unknown_event_types()");
    assert.match(await refusalOf(database.pool, "select postrider.publish('a', '1')"), /not in the catalogue/);
    await database.pool.query("delete from postrider.event_type_policy");
    await session.query("select postrider.define_event_type('order.paid')");
    assert.equal(await askFor(session, "select unknown_types from postrider.event_type_policy"), "allowed");
  });

  test("is compared with defined types only if it is valid as a type", async (t) => {
    const session = await openSession(t, database.url);
    await session.query("select postrider.define_event_type($1)", ["b".repeat(255)]);
    await session.query("select postrider.refuse_unknown_event_types()");
    const publish = (type: string) => refusalOf(session, "select postrider.publish($1, '1')", [type]);
    assert.match(await publish("b".repeat(254)), /Did you mean bbb/);
    const written = await temporaryBytesOf(session, async () => {
      assert.match(await publish("\u00e4".repeat(8_000)), /event_type has 8000 characters/);
      assert.match(
        await refusalOf(session, "select postrider.drop_event_type($1)", ["b".repeat(8_000)]),
        /there is no event type/,
      );
    });
    assert.equal(written, 0);
  });

  test("is never a type that Postrider itself emits", async () => {
    await database.pool.query("select postrider.refuse_unknown_event_types()");
    await insertEvent(database.pool, "postrider.endpoint.disabled");
    for (const near of ["postrider", "postriders.a"]) {
      assert.match(await refusalOf(database.pool, "select postrider.publish($1, '1')", [near]), /not in the catalogue/);
    }
  });

  test("is refused after other faults of a row, which are reported as usual", async () => {
    await database.pool.query("select postrider.refuse_unknown_event_types()");
    const insert = "insert into postrider.outbox (event_type, payload, xid) values ($1, $2, $3)";
    const xid = String(await askFor(database.pool, "select pg_current_xact_id()"));
    assert.match(await refusalOf(database.pool, insert, ["a", "1", xid]), /xid of another transaction/);
    for (const [type, payload] of [
      [null, "1"],
      ["a", null],
    ]) {
      const refusal = await refusalOf(
        database.pool,
        "insert into postrider.outbox (event_type, payload) values ($1, $2)",
        [type, payload],
      );
      assert.match(refusal, /^23502\n/);
    }
    assert.match(
      await refusalOf(database.pool, "select postrider.publish($1, '1')", ["é'\n"]),
      /^23514\ncannot insert an event whose event_type is "é'\\n"/,
    );
  });
});

describe("an enforced type is enforced", () => {
  const SCHEMA = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
  beforeEach(() => define(SCHEMA));

  async function countEvents(): Promise<number> {
    return Number(await askFor(database.pool, "select count(*) from postrider.outbox"));
  }

  test("in a statement of many rows: one bad row fails them all", async () => {
    const insert = `insert into postrider.outbox (event_type, payload)
      select 'order.paid', json_build_object('n', g) from generate_series(1, 500) g
      union all select 'order.other', '0' union all select 'order.paid', $1`;
    assert.match(
      await refusalOf(database.pool, insert, ['{"n": "x"}']),
      /at "\/n": expected integer, found a string of 1 character/,
    );
    assert.equal(await countEvents(), 0);
    await database.pool.query(insert, ['{"n": 0}']);
    assert.equal(await countEvents(), 502);
  });

  test("by copy", async () => {
    await define({ type: "null" });
    const copy = (payload: string) =>
      `copy postrider.outbox (event_type, payload) from program 'printf "order.other,0\\norder.paid,${payload}\\n"' (format csv)`;
    assert.match(await refusalOf(database.pool, copy("0")), /expected null, found an integer/);
    await database.pool.query(copy("null"));
    assert.equal(await countEvents(), 2);
  });

  test("by capture: the row change fails", async (t) => {
    await database.pool.query(`
      create table public.orders (n text);
      select postrider.capture('public.orders', 'order.paid', payload => 'json_build_object(''n'', new.n)')`);
    t.after(() => database.pool.query("drop table public.orders"));
    assert.match(
      await refusalOf(database.pool, "insert into public.orders values ('x')"),
      /at "\/n": expected integer/,
    );
    assert.equal(await askFor(database.pool, "select count(*) from public.orders"), "0");
  });

  test("in partitions created later, and before a daemon sees the event", async () => {
    const other = await createDatabase();
    try {
      await define(SCHEMA, "order.paid", other.pool);
      await other.pool.query("drop table if exists postrider.outbox_20991231");
      await makePartitions(other.pool, "10 days");
      const id = "postrider.uuid_v7_floor(now() + interval '9 days 12 hours')";
      const insert = `insert into postrider.outbox (id, event_type, payload) values (${id}, 'order.paid', $1) returning tableoid::regclass::text`;
      assert.match(await refusalOf(other.pool, insert, ["{}"]), /required property "n"/);
      assert.match(String(await askFor(other.pool, insert, ['{"n": 1}'])), /outbox_\d{8}/);
    } finally {
      await other.drop();
    }
  });

  test("for a publisher, who can neither read the catalogue nor interfere with the check", async (t) => {
    const session = await openSession(t, publisher.url);
    await database.pool.query(`grant temporary, create on database ${database.name} to ${publisher.name}`);
    await session.query(`
      create schema evil;
      create function evil.judged_event_types() returns text[] language sql as 'select null::text[]';
      create function evil.never(a text, b text) returns boolean language sql immutable as 'select false';
      create operator evil.= (leftarg = text, rightarg = text, function = evil.never);
      create temporary table event_type (name text, enforce boolean, checks jsonb, predicate jsonpath);
      set search_path = evil, pg_temp, pg_catalog`);
    t.after(() =>
      database.pool.query(`drop schema evil cascade; revoke all on database ${database.name} from ${publisher.name}`),
    );
    assert.match(await refusalOf(session, "select postrider.publish('order.paid', '{}')"), /required property "n"/);
    assert.match(await verdictOn("{}", session), /required property "n"/);
    assert.equal(await verdictOn('{"n": 1}', session), "in");
    await database.pool.query("select postrider.refuse_unknown_event_types()");
    assert.match(await refusalOf(session, "select postrider.publish('order.payd', '1')"), /Did you mean order\.paid/);
    for (const denied of [
      "select name from postrider.event_type",
      "select unknown_types from postrider.event_type_policy",
      "select postrider.define_event_type('a')",
    ]) {
      assert.match(await refusalOf(session, denied), /^42501\n/, denied);
    }
  });

  test("but not for a row that a known idempotency key skips", async () => {
    const first = await askFor(
      database.pool,
      `select postrider.publish('order.paid', '{"n": 1}', idempotency_key => 'k')`,
    );
    await define(false);
    assert.equal(
      await askFor(database.pool, `select postrider.publish('order.paid', '{"n": 1}', idempotency_key => 'k')`),
      first,
    );
  });

  test("and its events are delivered as they were written", async () => {
    await createEndpoint(database.pool);
    await insertEvent(database.pool, "order.paid", { payload: '{"n":   1.0, "b": 2}' });
    assert.deepEqual(
      (await claimAll(database.pool)).map(({ payload }) => payload),
      ['{"n":   1.0, "b": 2}'],
    );
  });
});

describe("while others have transactions open,", () => {
  test("a definition and inserts do not wait for each other, and open transactions are checked from their next statement on", async (t) => {
    const [bulk, editor, inserter] = await Promise.all([1, 2, 3].map(() => openSession(t, database.url)));
    assert.ok(bulk !== undefined && editor !== undefined && inserter !== undefined);
    await bulk.query("begin");
    await bulk.query(
      "insert into postrider.outbox (event_type, payload) select 'order.paid', '1' from generate_series(1, 1000)",
    );
    // waiting here for that transaction to end would fail
    for (const session of [editor, inserter]) await session.query("set lock_timeout = '2s'");
    await editor.query("begin");
    await define({ type: "string" }, "order.paid", editor);
    assert.equal(await verdictOn("1", inserter), "in");
    assert.notEqual(await verdictOn("1", editor), "in");
    await editor.query("rollback");
    await define({ type: "string" }, "order.paid", editor);
    assert.notEqual(await verdictOn("1", inserter), "in");
    assert.equal(await verdictOn('"a"', bulk), "in");
    assert.notEqual(await verdictOn("1", bulk), "in");
  });

  test("definitions wait for each other, so none is missed", async (t) => {
    const [first, second] = [await openSession(t, database.url), await openSession(t, database.url)];
    const pid = await pidOf(second);
    await define({ type: "string" });
    await first.query("begin");
    await first.query("select postrider.drop_event_type('order.paid')");
    const waiting = define({ type: "string" }, "order.other", second);
    await waitsForLock(database.pool, pid);
    await define({ type: "string" }, "order.third", first);
    await first.query("commit");
    await waiting;
    assert.deepEqual(await askFor(database.pool, "select postrider_internal.judged_event_types()"), [
      "order.other",
      "order.third",
    ]);
  });

  test("a definition with an older snapshot fails instead of missing a newer one", async (t) => {
    const older = await openSession(t, database.url);
    await older.query("begin isolation level repeatable read");
    await older.query("select from postrider.event_type");
    await define({ type: "string" });
    assert.match(await refusalOf(older, "insert into postrider.event_type (name) values ('order.other')"), /^40001\n/);
  });
});
