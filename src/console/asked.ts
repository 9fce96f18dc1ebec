import { nearest } from "../ground/nearest.ts";
import { jsonOf, memberText } from "../receive/json.ts";
import { partsOf } from "./cursor.ts";
import type { AnyRoute, Parameter, Values } from "./route.ts";

/** What a request has to say, before anything of it is understood. */
export interface Request {
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** As it was written; null without a body. */
  readonly body: string | null;
  readonly ifMatch: string | undefined;
}

/** A request as the route takes it, or what is wrong with it. */
export type Asked =
  | { readonly kind: "asked"; readonly values: Values; readonly limit: number }
  | { readonly kind: "mistake"; readonly found: string; readonly hint: string };

export const LIMIT_DEFAULT = 50;
export const LIMIT_MAX = 200;

type Mistake = Extract<Asked, { readonly kind: "mistake" }>;
type Members = Readonly<Record<string, unknown>>;

export function readAsked(route: AnyRoute, request: Request): Asked {
  const { takes } = route;
  const mistake = queryMistake(takes, request.query);
  if (mistake !== null) {
    return mistake;
  }
  const limit = limitOf(request.query.get("limit"));
  const members = membersOf(takes, request.body);
  const places = placesOf(takes, request.query.get("after"));
  for (const part of [limit, members, places]) {
    if (isMistake(part)) {
      return part;
    }
  }
  return bind(takes, request, limit as number, members as Members, places as readonly string[] | null);
}

function bind(
  takes: AnyRoute["takes"],
  request: Request,
  limit: number,
  members: Members,
  places: readonly string[] | null,
): Asked {
  const values: Record<string, string | readonly string[] | null> = {};
  const cursors = cursorNames(takes);
  // One more than a page has, to know whether there is more.
  const wanted = cursors.length > 0 ? limit + 1 : limit;
  for (const [name, parameter] of Object.entries(takes)) {
    const value = readOne(name, parameter, request, {
      limit: wanted,
      members,
      place: places?.[cursors.indexOf(name)] ?? null,
    });
    if (isMistake(value)) {
      return value;
    }
    if (value === null && !parameter.isOptional) {
      return mistakeOf(`${name} is missing`, parameter.sentence);
    }
    values[name] = value;
  }
  return { kind: "asked", values, limit };
}

interface Read {
  readonly limit: number;
  readonly members: Members;
  readonly place: string | null;
}

function readOne(
  name: string,
  parameter: Parameter,
  { path, query, body, ifMatch }: Request,
  { limit, members, place }: Read,
): string | readonly string[] | null | Mistake {
  switch (parameter.from) {
    case "path":
      return path[name] ?? null;
    case "query":
      return queryValue(parameter, query.get(name));
    case "body":
      return memberValue(name, parameter, members[name], body ?? "");
    case "content":
    case "members":
      return body;
    case "limit":
      return String(limit);
    case "cursor":
      return place;
    case "ifMatch":
      return revisionOf(ifMatch);
  }
}

function queryValue({ type }: Parameter, text: string | null): string | readonly string[] | null {
  return text !== null && type.includes("[]") ? text.split(",") : text;
}

/** A member that is null is one that was left out. JSON in the body stays as it was written. */
function memberValue(
  name: string,
  { type }: Parameter,
  value: unknown,
  body: string,
): string | readonly string[] | null | Mistake {
  if (value === undefined || value === null) {
    return null;
  }
  if (type.startsWith("json")) {
    return memberText(body, 0, name);
  }
  if (type.includes("[]")) {
    return isTexts(value) ? value : mistakeOf(`${name} is not a list of strings`, `${name} has the type ${type}.`);
  }
  const isPlain = typeof value === (PLAIN[type.replace("?", "")] ?? "string");
  return isPlain ? String(value) : mistakeOf(`${name} is ${kindOf(value)}`, `${name} has the type ${type}.`);
}

/** What is not a string in JSON. */
const PLAIN: Readonly<Record<string, string>> = {
  boolean: "boolean",
  integer: "number",
  smallint: "number",
  "double precision": "number",
};

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function queryMistake(takes: AnyRoute["takes"], query: URLSearchParams): Mistake | null {
  const known = Object.entries(takes).flatMap(([name, { from }]) =>
    from === "query" ? [name] : from === "limit" ? ["limit"] : from === "cursor" ? ["after"] : [],
  );
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    return unknownName(unknown, known, "parameter");
  }
  const twice = known.find((name) => query.getAll(name).length > 1);
  return twice === undefined ? null : mistakeOf(`${twice} is given twice`, "Give it once; lists have commas.");
}

function unknownName(name: string, known: readonly string[], what: string): Mistake {
  const meant = nearest(name, known);
  const all = known.length === 0 ? `There is no ${what}.` : `There are ${known.join(", ")}.`;
  return mistakeOf(`${JSON.stringify(name)} is no ${what}`, meant === null ? all : `Did you mean ${meant}? ${all}`);
}

function limitOf(text: string | null): number | Mistake {
  if (text === null) {
    return LIMIT_DEFAULT;
  }
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= LIMIT_MAX
    ? value
    : mistakeOf(`limit is ${JSON.stringify(text)}`, `Give a whole number from 1 to ${LIMIT_MAX}.`);
}

function cursorNames(takes: AnyRoute["takes"]): readonly string[] {
  return Object.keys(takes).filter((name) => takes[name]?.from === "cursor");
}

/** An id, a time, or the name of an event type, which stands alone in a cursor. */
const PLACE = /^[\w/:.-]{1,255}$/;

/** The parts of a cursor; null without one. */
function placesOf(takes: AnyRoute["takes"], after: string | null): readonly string[] | null | Mistake {
  if (after === null) {
    return null;
  }
  const names = cursorNames(takes);
  const places = partsOf(after, names.length);
  const isWhole = places.length === names.length && places.every((place) => PLACE.test(place));
  return isWhole ? places : mistakeOf("after is no cursor of this list", "Give what an answer had as next.");
}

/** The members of a JSON object that is the body. */
function membersOf(takes: AnyRoute["takes"], body: string | null): Members | Mistake {
  const known = Object.entries(takes).flatMap(([name, { from, members = {} }]) =>
    from === "body" ? [name] : Object.keys(members),
  );
  if (body === null || Object.values(takes).some(({ from }) => from === "content")) {
    return {};
  }
  const value = parsed(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return mistakeOf("the body is not a JSON object", `Send an object with ${known.join(", ") || "no members"}.`);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  return unknown === undefined ? { ...value } : unknownName(unknown, known, "member");
}

/** Undefined if it is no JSON. */
function parsed(text: string): unknown {
  try {
    return jsonOf(text);
  } catch {
    return undefined;
  }
}

/** Of an If-Match with one strong tag; null without one, and for any. */
function revisionOf(ifMatch: string | undefined): string | null | Mistake {
  if (ifMatch === undefined || ifMatch.trim() === "*") {
    return null;
  }
  const [, revision] = /^\s*"(\d{1,18})"\s*$/.exec(ifMatch) ?? [];
  return revision ?? mistakeOf("If-Match is not an entity tag of an endpoint", "Give the ETag that a GET answered.");
}

function isMistake(value: unknown): value is Mistake {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "mistake";
}

function mistakeOf(found: string, hint: string): Mistake {
  return { kind: "mistake", found, hint };
}
