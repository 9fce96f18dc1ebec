import { nearest } from "../ground/nearest.ts";
import { printable } from "../ground/printable.ts";
import type { Complaint, Located, LocatedEntry, LocatedMapping, Place } from "./yaml.ts";

/** A file as Postgres is told of it. */
export interface Declaration {
  /** Has null in the place of an entry that cannot be judged, so that each has its number. */
  readonly json: string;
  /** What can be seen without Postgres. */
  readonly complaints: readonly Complaint[];
  /** How many there must be afterwards. */
  readonly endpoints: number;
  readonly eventTypes: number;
}

export interface DeclarationOptions {
  /** The options of an endpoint that the schema knows. */
  readonly options: readonly string[];
  /** The value of a variable; null if it is not set. */
  readonly variable: (name: string) => string | null;
}

interface Reader extends DeclarationOptions {
  readonly complaints: readonly Complaint[];
  complain(place: Place, found: string, remedy: string): void;
}

/** By their keys, as JSON. */
type JsonEntries = Readonly<Record<string, string | null>>;

const TOP_KEYS = ["event_types", "endpoints", "unknown_event_types"] as const;
const ENDPOINT_KEYS = ["name", "tenant", "url", "subscriptions", "state", "reason"] as const;
const EVENT_TYPE_KEYS = ["name", "description", "json_schema", "enforce", "deprecated", "state"] as const;
const SUBSCRIPTION_KEYS = ["event_type", "filter"] as const;
const STATES = ["active", "paused", "disabled", "absent"] as const;

export function readDeclaration(root: Located, options: DeclarationOptions): Declaration {
  const complaints: Complaint[] = [];
  const reader: Reader = {
    ...options,
    complaints,
    complain: (place, found, remedy) => complaints.push({ place, found, remedy }),
  };
  const file = mappingOf(reader, root, "the file", TOP_KEYS);
  const eventTypes = entriesOf(reader, file, "event_types", eventTypeOf);
  const endpoints = entriesOf(reader, file, "endpoints", endpointOf);
  const policy = file?.entries.get("unknown_event_types");
  const json = jsonObject({
    event_types: eventTypes?.json ?? null,
    endpoints: endpoints?.json ?? null,
    unknown_event_types: policy === undefined ? null : choice(reader, policy, ["allowed", "refused"]),
  });
  return { json, complaints, endpoints: endpoints?.present ?? 0, eventTypes: eventTypes?.present ?? 0 };
}

/** What an entry of a list is called, for people. */
export function subjectOf(root: Located, place: readonly string[]): string {
  const [list = ""] = place;
  const entry = nodeAt(root, place.slice(0, 2))?.value;
  const name = textAt(entry, "name") ?? "";
  const tenant = textAt(entry, "tenant") ?? "";
  switch (list) {
    case "event_types":
      return `event type ${printable(name)}`;
    case "endpoints":
      return `endpoint ${printable(name)}${tenant === "" ? "" : ` of ${printable(tenant)}`}`;
    default:
      return list.replaceAll("_", " ");
  }
}

/** Where something stands, or the nearest thing around it that is there. */
export function placeIn(root: Located, path: readonly string[]): Place {
  return nodeAt(root, path)?.place ?? (path.length === 0 ? root.place : placeIn(root, path.slice(0, -1)));
}

function nodeAt(root: Located, path: readonly string[]): LocatedEntry | undefined {
  let found: LocatedEntry | undefined = { place: root.place, value: root };
  for (const key of path) {
    const around: Located | undefined = found?.value;
    if (around?.kind === "mapping") {
      found = around.entries.get(key);
    } else {
      const item: Located | undefined = around?.kind === "list" ? around.items[Number(key)] : undefined;
      found = item && { place: item.place, value: item };
    }
  }
  return found;
}

function textAt(node: Located | undefined, key: string): string | null {
  const value = node?.kind === "mapping" ? node.entries.get(key)?.value : undefined;
  return value?.kind === "scalar" && typeof value.value === "string" ? value.value : null;
}

interface Entries {
  readonly json: string;
  /** How many are not declared to be absent. */
  readonly present: number;
}

type EntryReader = (reader: Reader, node: Located) => JsonEntries | null;

function entriesOf(
  reader: Reader,
  file: LocatedMapping | null,
  key: (typeof TOP_KEYS)[number],
  entryOf: EntryReader,
): Entries | null {
  const list = file?.entries.get(key)?.value;
  if (list === undefined || isNothing(list)) {
    return null;
  }
  if (list.kind !== "list") {
    reader.complain(list.place, `${key} is ${kindOf(list)}`, "write a list: each entry begins with - name:");
    return null;
  }
  const known = new Map<string, Place>();
  let present = 0;
  const texts = list.items.map((item) => {
    const entry = entryOf(reader, item);
    if (entry === null) {
      return "null";
    }
    const identity = `${entry.tenant ?? '""'} ${entry.name}`;
    const first = known.get(identity);
    if (first !== undefined) {
      const found = `${key} has ${printable(entry.name ?? "")} already, in line ${first.line}`;
      reader.complain(item.place, found, "keep one of them");
      return "null";
    }
    known.set(identity, item.place);
    present += entry.state === '"absent"' ? 0 : 1;
    return jsonObject(entry);
  });
  return { json: `[${texts.join(",")}]`, present };
}

function eventTypeOf(reader: Reader, node: Located): JsonEntries | null {
  const entry = mappingOf(reader, node, "an event type", EVENT_TYPE_KEYS);
  if (entry === null) {
    return null;
  }
  const name = requiredName(reader, entry, "the event type");
  const schema = entry.entries.get("json_schema");
  const declared = {
    description: optional(reader, entry, "description", text),
    json_schema: schema === undefined ? null : jsonOf(schema.value, null),
    enforce: optional(reader, entry, "enforce", truth),
    deprecated: optional(reader, entry, "deprecated", truth),
    state: optional(reader, entry, "state", (_, found) => choice(reader, found, ["absent"])),
  };
  return name === null ? null : { name, ...declared };
}

function endpointOf(reader: Reader, node: Located): JsonEntries | null {
  const entry = mappingOf(reader, node, "an endpoint", [...ENDPOINT_KEYS, ...reader.options]);
  if (entry === null) {
    return null;
  }
  const name = requiredName(reader, entry, "the endpoint");
  const options = [...entry.entries].filter(([key]) => reader.options.includes(key) && !isOwnKey(key));
  const state = optional(reader, entry, "state", (_, found) => choice(reader, found, STATES));
  const url = entry.entries.get("url");
  const declared = {
    tenant: optional(reader, entry, "tenant", text),
    url: url === undefined || isNothing(url.value) ? null : urlOf(reader, url),
    options: jsonObject(Object.fromEntries(options.map(([key, { value }]) => [key, optionOf(reader, value)]))),
    subscriptions: subscriptionsOf(reader, entry, state === '"absent"'),
    state,
    reason: reasonOf(reader, entry, state),
  };
  return name === null ? null : { name, ...declared };
}

function isOwnKey(key: string): boolean {
  return (ENDPOINT_KEYS as readonly string[]).includes(key);
}

function reasonOf(reader: Reader, entry: LocatedMapping, state: string | null): string | null {
  const reason = entry.entries.get("reason");
  if (reason !== undefined && (state === null || state === '"active"')) {
    reader.complain(
      reason.place,
      "reason stands there without what it is for",
      "write state: paused, disabled or absent",
    );
  }
  return optional(reader, entry, "reason", text);
}

const NO_SUBSCRIPTIONS = 'write a list of event types, such as [order.*, invoice.paid] or ["*"]; [] for none';

function subscriptionsOf(reader: Reader, entry: LocatedMapping, isAbsent: boolean): string {
  const found = entry.entries.get("subscriptions");
  if (found === undefined || found.value.kind !== "list") {
    if (found !== undefined || !isAbsent) {
      const what =
        found === undefined ? "the endpoint has no subscriptions" : `subscriptions is ${kindOf(found.value)}`;
      reader.complain(found?.place ?? entry.place, what, NO_SUBSCRIPTIONS);
    }
    return "[]";
  }
  const known = new Set<string>();
  const texts = found.value.items.map((item) => {
    const json = subscriptionOf(reader, item);
    if (known.has(json) && json !== "null") {
      reader.complain(item.place, "the same subscription stands in the list before", "keep one of them");
    }
    known.add(json);
    return json;
  });
  return `[${texts.join(",")}]`;
}

function subscriptionOf(reader: Reader, node: Located): string {
  if (node.kind === "scalar" && typeof node.value === "string") {
    return jsonObject({ event_type: node.json });
  }
  if (node.kind !== "mapping") {
    const remedy = "write an event type, or event_type: with or without filter:";
    reader.complain(node.place, `the subscription is ${kindOf(node)}`, remedy);
    return "null";
  }
  const rule = mappingOf(reader, node, "a subscription", SUBSCRIPTION_KEYS);
  const eventType = rule?.entries.get("event_type");
  if (rule === null || eventType === undefined) {
    reader.complain(node.place, "the subscription has no event_type", 'write event_type: order.paid, order.* or "*"');
    return "null";
  }
  const type = text(reader, eventType, "event_type");
  const filter = optional(reader, rule, "filter", text);
  return type === null ? "null" : jsonObject({ event_type: type, filter });
}

/** Null if it is no mapping. Complains of keys that it cannot have. */
function mappingOf(reader: Reader, node: Located, what: string, keys: readonly string[]): LocatedMapping | null {
  if (node.kind !== "mapping") {
    const found = isNothing(node) ? `${what} says nothing` : `${what} is ${kindOf(node)}`;
    reader.complain(node.place, found, `write a mapping with any of: ${keys.join(", ")}`);
    return null;
  }
  for (const [key, { place }] of node.entries) {
    if (!keys.includes(key)) {
      const meant = nearest(key, keys);
      const found = `there is no key ${printable(JSON.stringify(key.slice(0, 100)))} for ${what}`;
      const list = `${what} has: ${[...new Set(keys)].join(", ")}`;
      reader.complain(place, found, meant === null ? list : `write ${meant}; ${list}`);
    }
  }
  return node;
}

function requiredName(reader: Reader, entry: LocatedMapping, what: string): string | null {
  const name = entry.entries.get("name");
  if (name === undefined) {
    reader.complain(entry.place, `${what} has no name`, "write name: and by what it is found again");
    return null;
  }
  return text(reader, name, "name");
}

/** Null if it is left out, or null. */
function optional(
  reader: Reader,
  entry: LocatedMapping,
  key: string,
  read: (reader: Reader, found: LocatedEntry, key: string) => string | null,
): string | null {
  const found = entry.entries.get(key);
  return found === undefined || isNothing(found.value) ? null : read(reader, found, key);
}

function text(reader: Reader, { value }: LocatedEntry, key: string): string | null {
  if (value.kind === "scalar" && typeof value.value === "string") {
    return value.json;
  }
  const remedy = value.kind === "scalar" && value.value !== null ? "put it in quotes" : "write a text";
  reader.complain(value.place, `${key} is ${kindOf(value)}`, remedy);
  return null;
}

function truth(reader: Reader, { value }: LocatedEntry, key: string): string | null {
  if (value.kind === "scalar" && typeof value.value === "boolean") {
    return value.json;
  }
  reader.complain(value.place, `${key} is ${kindOf(value)}`, "write true or false");
  return null;
}

function choice(reader: Reader, { value }: LocatedEntry, words: readonly string[]): string | null {
  const word = value.kind === "scalar" ? String(value.value) : "";
  if (words.includes(word)) {
    return JSON.stringify(word);
  }
  const meant = nearest(word, words);
  const found = word === "" ? `it is ${kindOf(value)}` : `it is ${printable(JSON.stringify(word.slice(0, 100)))}`;
  reader.complain(value.place, found, meant === null ? `write ${words.join(", ")}` : `write ${meant}`);
  return null;
}

const VARIABLE_KEY = "from_env";

/** What stands for a text that was refused, so that the rest of the endpoint is judged. */
const ANY_URL = '"https://any.invalid"';

function urlOf(reader: Reader, entry: LocatedEntry): string {
  const json = variableOf(entry.value) === null ? text(reader, entry, "url") : optionOf(reader, entry.value);
  return json ?? ANY_URL;
}

/** Null if a variable in it is not set. */
function optionOf(reader: Reader, node: Located): string | null {
  const complained = reader.complaints.length;
  const json = jsonOf(node, reader);
  return reader.complaints.length === complained ? json : null;
}

/** The node with the variable's name, of what stands for the variable's value; null for any other node. */
function variableOf(node: Located): LocatedEntry | null {
  return node.kind === "mapping" && node.entries.size === 1 ? (node.entries.get(VARIABLE_KEY) ?? null) : null;
}

/** With a reader, `from_env: NAME` stands for the value of that variable. */
function jsonOf(node: Located, reader: Reader | null): string {
  const variable = reader === null ? null : variableOf(node);
  if (reader !== null && variable !== null) {
    return variableJson(reader, variable);
  }
  switch (node.kind) {
    case "scalar":
      return node.json;
    case "list":
      return `[${node.items.map((item) => jsonOf(item, reader)).join(",")}]`;
    case "mapping":
      return jsonObject(Object.fromEntries([...node.entries].map(([key, { value }]) => [key, jsonOf(value, reader)])));
  }
}

function variableJson(reader: Reader, { value }: LocatedEntry): string {
  const name = value.kind === "scalar" && typeof value.value === "string" ? value.value : "";
  const found = name === "" ? null : reader.variable(name);
  if (found !== null) {
    return JSON.stringify(found);
  }
  const problem = name === "" ? `${VARIABLE_KEY} is ${kindOf(value)}` : `the variable ${printable(name)} is not set`;
  reader.complain(value.place, problem, name === "" ? "write the name of a variable" : "set it in the environment");
  return "null";
}

/** Leaves out what is null. */
function jsonObject(entries: JsonEntries): string {
  const texts = Object.entries(entries).flatMap(([key, json]) =>
    json === null ? [] : [`${JSON.stringify(key)}:${json}`],
  );
  return `{${texts.join(",")}}`;
}

function isNothing(node: Located): boolean {
  return node.kind === "scalar" && node.value === null;
}

function kindOf(node: Located): string {
  if (node.kind !== "scalar") {
    return `a ${node.kind}`;
  }
  return node.value === null
    ? "nothing"
    : typeof node.value === "string"
      ? "a text"
      : `the ${typeof node.value} ${node.json.slice(0, 40)}`;
}
