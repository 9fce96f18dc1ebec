/** The text of the generated types. publish/consumer tests that they compile and accept what they should. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type EventType, eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { arbitraryEventTypes, EVENT_TYPES } from "./eventTypes.ts";

/** The type of a payload with this schema, without the line that names it. */
function typeFor(jsonSchema: unknown): string {
  const text = eventTypesModule([{ name: "e", description: null, deprecated: false, jsonSchema }]);
  const [, type = ""] = /^export type E = (.*?);\n(?:\n|$)/ms.exec(text) ?? [];
  return type;
}

describe("a schema becomes a type", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [true, "unknown"],
    [{}, "unknown"],
    [false, "never"],
    [{ type: "string" }, "string"],
    [{ type: "integer" }, "number"],
    [{ type: ["string", "null"] }, "string | null"],
    [{ type: ["number", "integer"] }, "number"],
    [{ type: "string", enum: ["a", "b", 1, null] }, '"a" | "b"'],
    [{ type: ["integer", "null"], enum: ["a", 1, null] }, "1 | null"],
    [{ const: null }, "null"],
    [{ const: { a: [1, "b"] } }, '{ a: readonly [1, "b"] }'],
    [{ enum: [] }, "never"],
    [{ type: "array" }, "readonly unknown[]"],
    [{ items: { type: ["string", "null"] } }, "readonly (string | null)[]"],
    [{ items: { items: { type: "string" } } }, "readonly (readonly string[])[]"],
    [{ type: "object" }, "{\n  [name: string]: unknown;\n}"],
    [{ type: "object", additionalProperties: false }, "{\n  [name: string]: never;\n}"],
    [{ additionalProperties: { type: "string" } }, "{\n  [name: string]: string;\n}"],
    [{ properties: { b: { type: "string" }, a: true }, required: ["b"] }, "{\n  a?: unknown;\n  b: string;\n}"],
    [{ properties: { a: true }, additionalProperties: true }, "{\n  a?: unknown;\n  [name: string]: unknown;\n}"],
    [{ required: ["a"], additionalProperties: { type: "string" } }, "{\n  a: string;\n  [name: string]: unknown;\n}"],
    [{ properties: { o: { properties: { "a b": false } } } }, '{\n  o?: {\n    "a b"?: never;\n  };\n}'],
    [{ anyOf: [{ type: "string" }, { type: "null" }, { type: "string" }] }, "string | null"],
    [{ anyOf: [{ type: "string" }, true] }, "unknown"],
    [{ anyOf: [false, { type: "string" }] }, "string"],
    [{ type: "string", anyOf: [{ const: "a" }, { const: "b" }] }, 'string & ("a" | "b")'],
    [{ items: { allOf: [{ const: 1 }, { const: 2 }] } }, "readonly (1 & 2)[]"],
    [{ allOf: [{ type: "string" }, false] }, "never"],
    [{ $ref: "#", type: "string" }, "unknown"],
    [{ items: { $ref: "#" } }, "readonly E[]"],
    [{ anyOf: [{ $ref: "#/$defs/a~1b" }, { type: "null" }], $defs: { "a/b": true } }, "EA1b | null"],
    [{ const: Number.POSITIVE_INFINITY }, "number"],
    [{ properties: { default: { $ref: "#/$defs/a" } }, $defs: { a: true } }, "{\n  default?: EA;\n}"],
    [
      { items: { allOf: [{ additionalProperties: { $ref: "#/$defs/a" } }] }, $defs: { a: true } },
      "readonly {\n  [name: string]: EA;\n}[]",
    ],
    [{ oneOf: [{ type: "string" }, { $ref: "#/definitions/a" }], definitions: { a: { type: "null" } } }, "string | EA"],
    [
      {
        items: { $ref: "#/properties/x%20y/items" },
        properties: { "x y": { items: { type: "string" } } },
        type: "array",
      },
      "readonly EItems[]",
    ],
    [{ items: { $ref: "#a" }, $defs: { any: { $anchor: "a", type: "string" } } }, "readonly EA[]"],
    [
      { $id: "https://shop.test/e", items: { $ref: "https://shop.test/e#/$defs/a" }, $defs: { a: true } },
      "readonly EA[]",
    ],
    [
      {
        $id: "https://shop.test/v1/e.json#",
        items: { $ref: "https://shop.test/v1/e.json#/$defs/a" },
        $defs: { a: true },
      },
      "readonly EA[]",
    ],
    [
      { $id: "https://shop.test/v1/e.json", items: { $ref: "/v1/e.json#/$defs/a" }, $defs: { a: true } },
      "readonly EA[]",
    ],
    [{ $id: "https://shop.test/v1/e.json", items: { $ref: "e.json#/$defs/a" }, $defs: { a: true } }, "readonly EA[]"],
    [
      { $id: "https://shop.test/v1/e.json", items: { $ref: "v1/e.json#/$defs/a" }, $defs: { a: true } },
      "readonly unknown[]",
    ],
    [{ items: { $ref: "https://shop.test/other#/$defs/a" }, $defs: { a: true } }, "readonly unknown[]"],
    [{ $ref: "#/$defs/none" }, "unknown"],
    [{ $ref: "#/%" }, "unknown"],
    [
      { prefixItems: [{ type: "string" }, { type: ["number", "null"] }], minItems: 1 },
      "readonly [string, (number | null)?, ...unknown[]]",
    ],
    [{ prefixItems: [{ type: "string" }], items: false }, "readonly [string?]"],
    [{ items: [{ type: "string" }], additionalItems: { type: "null" } }, "readonly [string?, ...null[]]"],
    [
      { patternProperties: { "^a": { type: "string" }, "^b": { type: "null" } } },
      "{\n  [name: string]: string | null;\n}",
    ],
    [
      { patternProperties: { "^a": { type: "string" } }, properties: { b: { type: "null" } } },
      "{\n  b?: null;\n  [name: string]: unknown;\n}",
    ],
    [
      { type: "string", not: { const: "" }, if: true, contains: 1, dependentSchemas: {}, unevaluatedItems: false },
      "string",
    ],
    [{ const: nested(32) }, nestedType(32)],
    [{ const: nested(33) }, "unknown"],
  ];
  for (const [schema, type] of cases) {
    test(`${JSON.stringify(schema)} becomes ${JSON.stringify(type)}`, () => assert.equal(typeFor(schema), type));
  }
});

test("the module names each payload, describes it, and has the definitions that it uses", () => {
  const chosen = ["order.paid", "order_paid", "anything", "circle"];
  assert.equal(eventTypesModule(EVENT_TYPES.filter(({ name }) => chosen.includes(name))), EXPECTED);
});

test("deeply nested values become no types, and do not delay those of others", () => {
  const deep = nested(100_000);
  const plainly = eventTypesModule([plain("a", { type: "string" }), plain("b", true)]);
  for (const [keyword, type] of [
    ["const", "unknown"],
    ["enum", "unknown"],
    ["examples", "string"],
    ["default", "string"],
  ] as const) {
    const value = keyword === "const" || keyword === "default" ? deep : [deep];
    const schema = { [keyword]: value, ...(type === "string" ? { type } : {}) };
    const text = eventTypesModule([plain("a", schema), plain("b", true)]);
    const remark =
      keyword === "default"
        ? "/**\n * The payload of a.\n * (default is nested too deeply)\n */"
        : "/** The payload of a. */";
    assert.equal(
      text,
      plainly.replace("/** The payload of a. */\nexport type A = string", `${remark}\nexport type A = ${type}`),
    );
  }
});

test("a catalogue without event types makes a module without any", () => {
  assert.match(eventTypesModule([]), /^export interface EventTypes \{\n\}\n$/m);
});

test("names that would be the same are told apart, even if one looks like a numbered name", () => {
  const text = eventTypesModule(
    ["a.b", "a_b", "a.b2", "A.B", "event_types", "1"].map((name) => plain(name, { type: "string" })),
  );
  const names = [...text.matchAll(/^export (?:type|interface) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(names, ["EventTypes", "Event1", "AB", "AB2", "AB22", "AB3", "EventTypes2"]);
});

test("the same event types in another order make the same module", () => {
  fc.assert(
    fc.property(arbitraryEventTypes(), (eventTypes) => {
      assert.equal(eventTypesModule(eventTypes.toReversed()), eventTypesModule(eventTypes));
    }),
    { numRuns: 30 },
  );
});

test("no text of the catalogue ends a comment, directs the compiler, or reaches the file as anything but plain characters", () => {
  const text = eventTypesModule(EVENT_TYPES);
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  const comments = [...text.matchAll(/\/\*\*.*?\*\//gs)].map(([comment]) => comment);
  for (const comment of comments) {
    assert.doesNotMatch(comment, /(?:^|\s)@(?!deprecated\b)/m);
  }
  // Where comments and strings are taken out, nothing of the hostile text is left.
  const code = text.replace(/\/\*\*.*?\*\//gs, "").replace(/"(?:[^"\\]|\\.)*"/g, '""');
  assert.doesNotMatch(code.replace(/^\/\/.*$/m, ""), /evil|ts-|reference|\\|reversed/);
});

function plain(name: string, jsonSchema: unknown): EventType {
  return { name, description: null, deprecated: false, jsonSchema };
}

/** A list in a list, and so on. */
function nested(levels: number): unknown {
  return Array.from({ length: levels }).reduce((inside: unknown) => [inside], 1);
}

function nestedType(levels: number): string {
  return `${"readonly [".repeat(levels)}1${"]".repeat(levels)}`;
}

const EXPECTED = `// Written by "postrider types" from the table postrider.event_type: do not edit.

/** The payload of each event type. */
export interface EventTypes {
  /** Its payload is not described */
  anything: unknown;
  circle: Circle;
  /** Somebody has paid. */
  "order.paid": OrderPaid;
  /** @deprecated */
  order_paid: OrderPaid2;
}

/** The payload of circle. */
export type Circle = CircleA | null;

export type CircleA = unknown;

export type CircleB = unknown;

/**
 * The payload of order.paid.
 * An order that was paid
 */
export type OrderPaid = {
  by: "card" | {
    bank: string;
  };
  currency: "EUR" | "USD";
  labels?: {
    [name: string]: string;
  };
  /** (minItems 1) */
  lines?: readonly OrderPaidLine[];
  /** (minimum 1) */
  order_id: number;
  /** @deprecated */
  "shop name"?: string;
  /**
   * In the currency.
   * Null where it is free.
   */
  total: number | null;
};

/** A line of the order */
export type OrderPaidLine = {
  parts?: readonly OrderPaidLine[];
  sku: string;
};

/** The payload of order_paid. */
export type OrderPaid2 = string | readonly boolean[];
`;
