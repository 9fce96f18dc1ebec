import { DEPRECATED, docComment, propertyName, quoted } from "./sourceText.ts";

/**
 * The TypeScript type of what a JSON Schema accepts. Keywords that say more than a type can (minimum, format) become a
 * comment; unknown ones make the type wider, never narrower. Schemas are read as people mean them, not as the standard
 * defines them: a schema with properties describes an object, and properties that it does not name are not expected.
 */
export interface Type {
  readonly text: string;
  /** How tightly it binds: a type puts parentheses around the parts that bind less. */
  readonly kind: "atom" | "array" | "intersection" | "union";
}

/** The name of the type that a reference leads to; null if it leads nowhere. */
export type Resolve = (reference: string) => string | null;

type Schema = Readonly<Record<string, unknown>>;

const UNKNOWN: Type = { text: "unknown", kind: "atom" };
const NEVER: Type = { text: "never", kind: "atom" };

export function typeOfSchema(schema: unknown, resolve: Resolve, indent = ""): Type {
  if (schema === false) {
    return NEVER;
  }
  if (!isObject(schema)) {
    return UNKNOWN;
  }
  return intersection([
    ownType(schema, resolve, indent),
    referredType(schema.$ref, resolve),
    ...partsOf(schema.allOf).map((part) => typeOfSchema(part, resolve, indent)),
    anyOfType(schema.anyOf, resolve, indent),
    anyOfType(schema.oneOf, resolve, indent),
  ]);
}

/** Their schemas are about the same value as the schema that has them. */
const COMBINING = ["allOf", "anyOf", "oneOf"];

/** The references that make the type equal to the other, or a union with it: not those inside an object or an array. */
export function directReferences(schema: unknown): readonly string[] {
  if (!isObject(schema)) {
    return [];
  }
  const own = typeof schema.$ref === "string" ? [schema.$ref] : [];
  return [...own, ...COMBINING.flatMap((keyword) => partsOf(schema[keyword])).flatMap(directReferences)];
}

/** The schemas inside a schema, wherever they may be, except definitions, which are read when one refers to them. */
export function partsOfSchema(schema: Schema): readonly unknown[] {
  return [
    ...valuesOf(schema.properties),
    ...valuesOf(schema.patternProperties),
    schema.additionalProperties,
    ...elementsOf(schema),
    othersOf(schema),
    ...COMBINING.flatMap((keyword) => partsOf(schema[keyword])),
  ];
}

/** What a comment can say about a schema. */
export function remarksOn(schema: unknown): readonly string[] {
  if (!isObject(schema)) {
    return [];
  }
  const said = [schema.title, schema.description].filter((text) => typeof text === "string");
  const limits = LIMITS.filter((keyword) => schema[keyword] !== undefined).map(
    (keyword) => `${keyword} ${isShallow(schema[keyword]) ? JSON.stringify(schema[keyword]) : "is nested too deeply"}`,
  );
  return [
    ...said,
    ...(limits.length === 0 ? [] : [`(${limits.join(", ").slice(0, LIMITS_CHARACTERS_MAX)})`]),
    ...(schema.deprecated === true ? [DEPRECATED] : []),
  ];
}

const LIMITS = [
  "format",
  "minimum",
  "exclusiveMinimum",
  "maximum",
  "exclusiveMaximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "default",
];
/** A default may be of any size. */
const LIMITS_CHARACTERS_MAX = 300;

/**
 * The limit for a value inside a schema, the same as the catalogue's for a schema. Postgres reads some 6,000 levels, too
 * many for the stack here and for the compiler.
 */
const VALUE_LEVELS_MAX = 32;

function isShallow(value: unknown, levels = VALUE_LEVELS_MAX): boolean {
  if (typeof value !== "object" || value === null) {
    return true;
  }
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}

function ownType(schema: Schema, resolve: Resolve, indent: string): Type {
  const names = typeNamesOf(schema);
  const values = Object.hasOwn(schema, "const") ? [schema.const] : schema.enum;
  if (Array.isArray(values)) {
    return union(values.filter((value) => isOneOf(value, names)).map(valueType));
  }
  return names === null ? UNKNOWN : union(names.map((name) => typeNamed(name, schema, resolve, indent)));
}

const OF_OBJECTS = ["properties", "required", "additionalProperties", "patternProperties"];

/** Null if it says nothing about a type, not even by its other keywords. */
function typeNamesOf(schema: Schema): readonly unknown[] | null {
  if (schema.type !== undefined) {
    return Array.isArray(schema.type) ? schema.type : [schema.type];
  }
  if (OF_OBJECTS.some((keyword) => schema[keyword] !== undefined)) {
    return ["object"];
  }
  return schema.items === undefined && schema.prefixItems === undefined ? null : ["array"];
}

function typeNamed(name: unknown, schema: Schema, resolve: Resolve, indent: string): Type {
  switch (name) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return { text: name, kind: "atom" };
    case "integer":
      return { text: "number", kind: "atom" };
    case "array":
      return arrayType(schema, resolve, indent);
    case "object":
      return objectType(schema, resolve, indent);
    default:
      return UNKNOWN;
  }
}

function arrayType(schema: Schema, resolve: Resolve, indent: string): Type {
  const others = othersOf(schema);
  const rest = `${inside(typeOfSchema(others, resolve, indent), "array")}[]`;
  const elements = elementsOf(schema);
  if (elements.length === 0) {
    return { text: `readonly ${rest}`, kind: "array" };
  }
  const required = typeof schema.minItems === "number" ? schema.minItems : 0;
  const parts = elements.map((element, at) => {
    const type = typeOfSchema(element, resolve, indent);
    return at < required ? type.text : `${inside(type, "array")}?`;
  });
  return { text: `readonly [${[...parts, ...(others === false ? [] : [`...${rest}`])].join(", ")}]`, kind: "array" };
}

/** The schemas of the first elements, one for each: until draft 2019-09, items could be such a list. */
function elementsOf(schema: Schema): readonly unknown[] {
  return Array.isArray(schema.items) ? schema.items : partsOf(schema.prefixItems);
}

/** The schema of all elements after those. */
function othersOf(schema: Schema): unknown {
  return Array.isArray(schema.items) ? schema.additionalItems : schema.items;
}

function objectType(schema: Schema, resolve: Resolve, indent: string): Type {
  const inner = `${indent}  `;
  const properties = new Map(isObject(schema.properties) ? Object.entries(schema.properties) : []);
  const required = new Set(partsOf(schema.required).filter((name) => typeof name === "string"));
  const others = othersType(schema, resolve, inner);
  const lines = [...new Set([...properties.keys(), ...required])].sort().map((name) => {
    const type = properties.has(name) ? typeOfSchema(properties.get(name), resolve, inner) : others;
    const mark = required.has(name) ? "" : "?";
    return `${docComment(remarksOn(properties.get(name)), inner)}${inner}${propertyName(name)}${mark}: ${type.text};\n`;
  });
  const open = indexType(schema, others, lines.length > 0);
  return {
    text: `{\n${lines.join("")}${open === null ? "" : `${inner}[name: string]: ${open};\n`}${indent}}`,
    kind: "atom",
  };
}

/** The type of a property that the schema does not name. */
function othersType(schema: Schema, resolve: Resolve, indent: string): Type {
  const patterns = valuesOf(schema.patternProperties);
  const rest = patterns.length > 0 && schema.additionalProperties === undefined ? [] : [schema.additionalProperties];
  return union([...patterns, ...rest].map((part) => typeOfSchema(part, resolve, indent)));
}

/** TypeScript requires named properties to fit the type of the others, so that is unknown beside them. */
function indexType(schema: Schema, others: Type, hasNames: boolean): string | null {
  if (!hasNames) {
    return others.text;
  }
  const isClosed = schema.additionalProperties === undefined || schema.additionalProperties === false;
  return isClosed && valuesOf(schema.patternProperties).length === 0 ? null : "unknown";
}

function referredType(reference: unknown, resolve: Resolve): Type {
  const name = typeof reference === "string" ? resolve(reference) : null;
  return name === null ? UNKNOWN : { text: name, kind: "atom" };
}

function anyOfType(parts: unknown, resolve: Resolve, indent: string): Type {
  return Array.isArray(parts) ? union(parts.map((part) => typeOfSchema(part, resolve, indent))) : UNKNOWN;
}

/** The type of this JSON value alone; of any value if it is nested too deeply. */
function valueType(value: unknown): Type {
  return isShallow(value) ? literalType(value) : UNKNOWN;
}

function literalType(value: unknown): Type {
  if (typeof value === "string") {
    return { text: quoted(value), kind: "atom" };
  }
  if (Array.isArray(value)) {
    return { text: `readonly [${value.map((each) => literalType(each).text).join(", ")}]`, kind: "array" };
  }
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, each]) => `${propertyName(name)}: ${literalType(each).text}`);
    return { text: members.length === 0 ? "{ [name: string]: never }" : `{ ${members.join("; ")} }`, kind: "atom" };
  }
  // A number beyond a double has become infinite.
  const isWritable = value === null || typeof value === "boolean" || Number.isFinite(value);
  return { text: isWritable ? String(value) : "number", kind: "atom" };
}

function isOneOf(value: unknown, names: readonly unknown[] | null): boolean {
  if (names === null) {
    return true;
  }
  const name = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return names.includes(name) || (name === "number" && names.includes("integer"));
}

function union(types: readonly Type[]): Type {
  return types.some(({ text }) => text === UNKNOWN.text) ? UNKNOWN : joined(types, "union", NEVER);
}

function intersection(types: readonly Type[]): Type {
  return types.some(({ text }) => text === NEVER.text) ? NEVER : joined(types, "intersection", UNKNOWN);
}

/** `neutral` adds nothing, and is the result if there is nothing to join. */
function joined(types: readonly Type[], kind: "union" | "intersection", neutral: Type): Type {
  const different = new Map(types.map((type) => [type.text, type]));
  different.delete(neutral.text);
  const [only, ...more] = different.values();
  if (only === undefined || more.length === 0) {
    return only ?? neutral;
  }
  const separator = kind === "union" ? " | " : " & ";
  return { text: [only, ...more].map((type) => inside(type, kind)).join(separator), kind };
}

const TIGHTNESS = { union: 0, intersection: 1, array: 2, atom: 3 } as const;

function inside(type: Type, holder: Type["kind"]): string {
  const isLoose = TIGHTNESS[type.kind] < TIGHTNESS[holder] || (type.kind === "array" && holder === "array");
  return isLoose ? `(${type.text})` : type.text;
}

function partsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function valuesOf(value: unknown): readonly unknown[] {
  return isObject(value) ? Object.values(value) : [];
}

export function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
