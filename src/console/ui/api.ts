import { type Query, searchOf } from "./route.ts";

/** Relative to the page, so that a proxy may put it anywhere. */
const ROOT = "api/v1";

/** What a refusal says: an application/problem+json, in the words of Postgres. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly hint?: string;
  readonly code?: string;
}

export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

/** Nobody answered, or something that is not the API. */
export class Unreachable extends Error {}

export interface Answer {
  readonly text: string;
  readonly etag: string | null;
}

/** Null: nothing has changed since the answer with this etag. */
export async function read(url: string, etag: string | null, signal: AbortSignal): Promise<Answer | null> {
  const response = await send(url, { signal, headers: etag === null ? {} : { "if-none-match": etag } });
  if (response.status === 304) {
    return null;
  }
  const text = await response.text();
  if (!response.ok) {
    throw new Refusal(problemIn(response, text));
  }
  return { text, etag: response.headers.get("etag") };
}

export type Method = "POST" | "PUT" | "PATCH" | "DELETE";

/** Sends a change; the body is JSON. Resolves with what the answer says; undefined if it is empty. */
export async function change(
  method: Method,
  url: string,
  body = "{}",
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const response = await send(url, { method, headers: { "content-type": "application/json", ...headers }, body });
  const text = await response.text();
  if (!response.ok) {
    throw new Refusal(problemIn(response, text));
  }
  return text === "" ? undefined : JSON.parse(text);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: "same-origin", redirect: "error" });
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") {
      throw thrown;
    }
    throw new Unreachable("the API does not answer");
  }
}

/** The address of a resource; each part is escaped. */
export function api(path: readonly string[], query: Query = {}): string {
  const search = searchOf(query);
  return `${ROOT}/${path.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}

function problemIn(response: Response, text: string): Problem {
  const plain = { title: response.statusText || `status ${response.status}`, status: response.status };
  if (response.headers.get("content-type")?.startsWith("application/problem+json") !== true) {
    return plain;
  }
  try {
    return { ...plain, ...(JSON.parse(text) as Partial<Problem>) };
  } catch {
    return plain;
  }
}
