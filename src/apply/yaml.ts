import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit as walk,
  type YAMLMap,
} from "yaml";

/** A text of YAML, of which JSON is a part, as values that know where they stand. */

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export type Located = LocatedMapping | LocatedList | LocatedScalar;

export interface LocatedMapping {
  readonly kind: "mapping";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, LocatedEntry>;
}

export interface LocatedEntry {
  /** Of the key. */
  readonly place: Place;
  readonly value: Located;
}

export interface LocatedList {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly Located[];
}

export interface LocatedScalar {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** The same as JSON; a number has the digits that were written. */
  readonly json: string;
}

/** What is wrong with a text, and where. */
export interface Complaint {
  readonly place: Place;
  readonly found: string;
  readonly remedy: string;
}

export type Reading =
  | { readonly kind: "read"; readonly root: Located }
  | { readonly kind: "refused"; readonly complaints: readonly Complaint[] };

const START: Place = { line: 1, column: 1 };

/** More than that nobody writes, and a few aliases of aliases of aliases make billions. */
const VALUES_MAX = 500_000;
const DEPTH_MAX = 100;
const COMPLAINTS_MAX = 20;

export function readYaml(text: string): Reading {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      ...{ lineCounter: lines, prettyErrors: false, schema: "core", stringKeys: true, uniqueKeys: false },
    });
    const complaints = [...document.errors, ...document.warnings].map((error) => ({
      place: placeAt(lines, error.pos[0]),
      ...explained(error),
    }));
    if (complaints.length > 0) {
      return refused(complaints);
    }
    return located(document, lines);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return { kind: "refused", complaints: [{ place: START, ...explained({ code: "", message: thrown.message }) }] };
  }
}

function refused(complaints: readonly Complaint[]): Reading {
  return { kind: "refused", complaints: complaints.slice(0, COMPLAINTS_MAX) };
}

const IN_QUOTES = 'put * in quotes where it means every event type: "*"';
const TOO_DEEP = `nest no deeper than ${DEPTH_MAX} levels`;

interface ParserError {
  readonly code: string;
  readonly message: string;
}

function explained({ code, message }: ParserError): Pick<Complaint, "found" | "remedy"> {
  if (message === "Maximum call stack size exceeded") {
    // The parser recurses for each level.
    return { found: "it is nested far too deep", remedy: TOO_DEEP };
  }
  const found = message.replace(/\s+/g, " ").replace(/[.:;]$/, "");
  switch (code) {
    case "MULTIPLE_DOCS":
      return { found: "a second document begins here", remedy: "write one document, and remove the line ---" };
    case "BAD_ALIAS":
      return { found, remedy: IN_QUOTES };
    case "TAG_RESOLVE_FAILED":
      return { found, remedy: "remove the tag" };
    case "TAB_AS_INDENT":
      return { found, remedy: "indent by blanks" };
    default:
      return { found, remedy: "correct it; a text with any of : # { } [ ] , & * ! | > ' \" % @ ` may need quotes" };
  }
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line, column: Math.max(1, col) };
}

/** Thrown inside this file alone. */
class Refusal extends Error {
  readonly complaint: Complaint;

  constructor(complaint: Complaint) {
    super(complaint.found);
    this.complaint = complaint;
  }
}

/** What each alias stands for. The parser looks through the whole document for each one. */
function targetsIn(document: Document): ReadonlyMap<Alias, Node> {
  const anchored = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  walk(document, {
    Node: (_, node) => {
      const target = isAlias(node) ? anchored.get(node.source) : undefined;
      if (isAlias(node) && target !== undefined) {
        targets.set(node, target);
      } else if (!isAlias(node) && node.anchor !== undefined) {
        anchored.set(node.anchor, node);
      }
    },
  });
  return targets;
}

interface Locating {
  readonly lines: LineCounter;
  readonly targets: ReadonlyMap<Alias, Node>;
  /** What does not keep the rest from being read. */
  readonly complaints: Complaint[];
  values: number;
}

function located(document: Document, lines: LineCounter): Reading {
  const locating: Locating = { lines, targets: targetsIn(document), complaints: [], values: 0 };
  try {
    const root = locate(locating, document.contents, 0);
    return locating.complaints.length === 0 ? { kind: "read", root } : refused(locating.complaints);
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return refused([...locating.complaints, thrown.complaint]);
  }
}

/** An alias becomes what it stands for, with the place where that can be corrected. */
function locate(locating: Locating, node: unknown, depth: number): Located {
  const place = placeOf(locating, node);
  locating.values += 1;
  if (locating.values > VALUES_MAX) {
    const found = `it has more than ${VALUES_MAX} values once its aliases are written out`;
    throw new Refusal({ place, found, remedy: "use fewer aliases, or several files" });
  }
  if (depth > DEPTH_MAX) {
    throw new Refusal({ place, found: `it is nested deeper than ${DEPTH_MAX} levels`, remedy: TOO_DEEP });
  }
  if (isAlias(node)) {
    const target = locating.targets.get(node);
    if (target === undefined) {
      const found = `there is no &${node.source} before *${node.source}`;
      locating.complaints.push({ place, found, remedy: IN_QUOTES });
    }
    return locate(locating, target ?? null, depth + 1);
  }
  if (isMap(node)) {
    return { kind: "mapping", place, entries: entriesOf(locating, node, depth) };
  }
  if (isSeq(node)) {
    return { kind: "list", place, items: node.items.map((item) => locate(locating, item, depth + 1)) };
  }
  return scalarOf(isScalar(node) ? node : null, place);
}

/** The parser would compare each key with each other one. */
function entriesOf(locating: Locating, { items }: YAMLMap, depth: number): ReadonlyMap<string, LocatedEntry> {
  const entries = new Map<string, LocatedEntry>();
  for (const { key, value } of items) {
    const place = placeOf(locating, key);
    const name = isScalar(key) ? String(key.value) : "";
    refuseUnkept(name, place);
    if (entries.has(name)) {
      locating.complaints.push({ place, found: "this key stands in the mapping twice", remedy: "keep one of them" });
    }
    entries.set(name, { place, value: locate(locating, value, depth + 1) });
  }
  return entries;
}

function placeOf({ lines }: Locating, node: unknown): Place {
  return isNode(node) && node.range != null ? placeAt(lines, node.range[0]) : START;
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

function scalarOf(node: Scalar | null, place: Place): LocatedScalar {
  const value = node?.value ?? null;
  switch (typeof value) {
    case "string":
      refuseUnkept(value, place);
      return { kind: "scalar", place, value, json: JSON.stringify(value) };
    case "number": {
      if (!Number.isFinite(value)) {
        throw new Refusal({ place, found: `${value} is no number of JSON`, remedy: "write another value" });
      }
      const source = node?.source ?? "";
      return { kind: "scalar", place, value, json: JSON_NUMBER.test(source) ? source : JSON.stringify(value) };
    }
    case "boolean":
      return { kind: "scalar", place, value, json: String(value) };
    default:
      return { kind: "scalar", place, value: null, json: "null" };
  }
}

/** Postgres keeps neither in jsonb. */
function refuseUnkept(text: string, place: Place): void {
  if (text.includes("\0") || !text.isWellFormed()) {
    const found = `it has ${text.includes("\0") ? "the character U+0000" : "half of a surrogate pair"}`;
    throw new Refusal({ place, found, remedy: "leave it out, because Postgres cannot keep it" });
  }
}
