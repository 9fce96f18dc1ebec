import { api, change, read } from "./api.ts";
import { may } from "./session.ts";
import type { Call, Values } from "./sqlText.ts";
import { OPERATIONS, type Operation } from "./table.ts";

export type { Call } from "./sqlText.ts";

/** Whether the API of this build has it. */
export function has(name: string): boolean {
  return name in OPERATIONS;
}

/** An operation by its name, such as `list_events`. */
export function call(name: string, values: Values = {}): Call {
  const operation = OPERATIONS[name];
  if (operation === undefined) {
    throw new Error(`the API has no operation ${name}`);
  }
  return { operation, values };
}

/** Whether the API of this build has it, and the reader may do it. */
export function canDo(name: string): boolean {
  return has(name) && may(call(name).operation.scope);
}

export function urlOf({ operation, values }: Call): string {
  const path = operation.path
    .split("/")
    .filter((part) => part !== "")
    .map((part) => (part.startsWith("{") ? String(values[part.slice(1, -1)]) : part));
  const { limit, after } = values;
  return api(path, { ...given(operation, values, "query"), ...texts({ limit, after }) });
}

/** Sends it. Resolves with what the answer says. With the key of an earlier call it is not done twice. */
export async function send({ operation, values }: Call, key = newKey()): Promise<unknown> {
  const { method } = operation;
  if (method === "GET") {
    throw new Error("a GET is read, not sent");
  }
  const [revision] = namesFrom(operation, "ifMatch").map((name) => values[name]);
  const headers = {
    ...(revision !== undefined && revision !== null && { "if-match": `"${revision}"` }),
    // Events have keys of their own.
    ...(method === "POST" && namesFrom(operation, "content").length === 0 && { "idempotency-key": key }),
  };
  return change(method, urlOf({ operation, values }), bodyOf({ operation, values }), headers);
}

/** An Idempotency-Key. Over plain HTTP, browsers have no randomUUID. */
export function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function bodyOf({ operation, values }: Call): string {
  const [whole] = [...namesFrom(operation, "content"), ...namesFrom(operation, "members")];
  if (whole !== undefined) {
    return String(values[whole]);
  }
  const members = namesFrom(operation, "body").flatMap((name) => {
    const value = values[name];
    const isJson = operation.asks?.[name]?.startsWith("json") === true && typeof value === "string";
    return value === undefined ? [] : [`${JSON.stringify(name)}:${isJson ? value : JSON.stringify(value)}`];
  });
  return `{${members.join(",")}}`;
}

/** Asks for it once. Resolves with what the answer says. */
export async function ask<Value>(asked: Call, signal: AbortSignal): Promise<Value> {
  const answer = await read(urlOf(asked), null, signal);
  return JSON.parse(answer?.text ?? "null") as Value;
}

function given(operation: Operation, values: Values, from: string): Readonly<Record<string, string>> {
  return texts(Object.fromEntries(namesFrom(operation, from).map((name) => [name, values[name]])));
}

function texts(values: Values): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined || value === null ? [] : [[name, String(value)]],
    ),
  );
}

function namesFrom({ takes }: Operation, from: string): readonly string[] {
  return Object.keys(takes).filter((name) => takes[name] === from);
}
