/** A catalogue with one of everything, including hostile text, and absurd catalogues. */
import fc from "fast-check";
import type { EventType } from "../../src/typegen/eventTypesModule.ts";

/** Ends a comment or a string, closes the type, gives the compiler orders, and looks like other text than it is. */
export const HOSTILE = [
  "*/ export const evil = 1; /*",
  '"]: 1 }; export const evil = 1; //',
  "` + evil + `",
  "@ts-expect-error",
  "@ts-nocheck",
  "// @ts-ignore\n@ts-ignore",
  "/// <reference path='/etc/passwd' />",
  "line\r\nline\u2028line\u2029 * / */\u0000\u001b[2J",
  "\u202e\u2066 reversed \ud83d",
  "\\",
  "\\u0022; evil()",
  "__proto__",
  "constructor",
  "",
];

function eventType(name: string, jsonSchema: unknown, rest: Partial<EventType> = {}): EventType {
  return { name, description: null, deprecated: false, jsonSchema, ...rest };
}

export const EVENT_TYPES: readonly EventType[] = [
  eventType(
    "order.paid",
    {
      title: "An order that was paid",
      type: "object",
      required: ["order_id", "total", "currency", "by"],
      properties: {
        order_id: { type: "integer", minimum: 1 },
        total: { type: ["number", "null"], description: "In the currency.\nNull where it is free." },
        currency: { enum: ["EUR", "USD"] },
        lines: { type: "array", items: { $ref: "#/$defs/line" }, minItems: 1 },
        by: {
          anyOf: [{ const: "card" }, { type: "object", properties: { bank: { type: "string" } }, required: ["bank"] }],
        },
        "shop name": { type: "string", deprecated: true },
        labels: { type: "object", additionalProperties: { type: "string" } },
      },
      additionalProperties: false,
      $defs: {
        line: {
          description: "A line of the order",
          type: "object",
          properties: { sku: { type: "string" }, parts: { type: "array", items: { $ref: "#/$defs/line" } } },
          required: ["sku"],
        },
        unused: { type: "string" },
      },
    },
    { description: "Somebody has paid." },
  ),
  eventType("order_paid", { type: ["string", "array"], items: { type: "boolean" } }, { deprecated: true }),
  eventType("order.open", true),
  eventType("order.none", false),
  eventType("anything", null, { description: "Its payload is not described" }),
  eventType("9lives.2", { allOf: [{ properties: { a: { type: "string" } } }, { required: ["b"] }] }),
  eventType("circle", {
    anyOf: [{ $ref: "#/$defs/a" }, { type: "null" }],
    $defs: { a: { $ref: "#/$defs/b" }, b: { allOf: [{ $ref: "#/$defs/a" }] } },
  }),
  eventType("loose", { properties: { known: { type: "string" } }, additionalProperties: { type: "number" } }),
  eventType("literal", { enum: [1, -0.5, true, null, "x", [1, [{}]], { a: { "b c": 2 } }] }),
  eventType("broken", { type: 7, properties: [], required: "x", items: [], enum: "a", $ref: 3, anyOf: {} }),
  eventType("lost", { $ref: "#/$defs/nowhere" }),
  eventType(
    "hostile",
    {
      title: HOSTILE.join("\n"),
      type: "object",
      properties: Object.fromEntries(
        HOSTILE.map((text) => [text, { description: text, default: text, enum: [text, { [text]: text }] }]),
      ),
      required: HOSTILE,
    },
    { description: HOSTILE.join(" ") },
  ),
];

/** Schemas of the keywords that are read, in any place, with values of any kind here and there. */
export function arbitraryEventTypes(): fc.Arbitrary<readonly EventType[]> {
  const text = fc.oneof(fc.constantFrom(...HOSTILE, "a", "b", "order id"), units(6));
  const names = fc.constantFrom("a", "a.b", "a_b", "A.B", "a.b2", "1.a", "_", "event_types", "record", "a.b.c");
  return fc.uniqueArray(
    fc.record({
      name: names,
      description: fc.option(text),
      deprecated: fc.boolean(),
      jsonSchema: fc.option(arbitrarySchema(text)),
    }),
    { selector: ({ name }) => name, maxLength: 6 },
  );
}

function arbitrarySchema(text: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const type = fc.constantFrom("null", "boolean", "object", "array", "number", "integer", "string");
  const definition = fc.constantFrom("d", "e", "D");
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
    const parts = fc.array(tie("schema"), { maxLength: 3 });
    const keywords = fc.record(
      {
        type: fc.oneof(type, fc.array(type, { maxLength: 3 })),
        properties: fc.dictionary(text, tie("schema"), { maxKeys: 3 }),
        required: fc.array(text, { maxLength: 3 }),
        additionalProperties: tie("schema"),
        items: tie("schema"),
        enum: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }),
        const: fc.jsonValue({ maxDepth: 2 }),
        anyOf: parts,
        allOf: parts,
        $ref: definition.map((name) => `#/$defs/${name}`),
        $defs: fc.dictionary(definition, tie("schema"), { maxKeys: 3 }),
        title: text,
        description: text,
        deprecated: fc.boolean(),
        default: fc.jsonValue({ maxDepth: 1 }),
        minimum: fc.double(),
      },
      { requiredKeys: [] },
    );
    return {
      schema: fc.oneof({ maxDepth: 4, withCrossShrink: true }, fc.boolean(), keywords, fc.jsonValue({ maxDepth: 1 })),
    };
  });
  return schema;
}

/** Any text that JavaScript can hold, halves of surrogate pairs included. */
function units(max: number): fc.Arbitrary<string> {
  return fc.array(fc.nat(0xffff), { maxLength: max }).map((codes) => String.fromCharCode(...codes));
}
