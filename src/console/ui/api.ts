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

/** Who asks. The dashboard has a cookie that it cannot see; a page without cookies shows a token. */
export interface Caller {
  /** What each request says of them. */
  headers?: () => Readonly<Record<string, string>>;
  /** The API did not take these headers. Resolves with whether it may be asked again, with others. */
  renew?: (refused: Readonly<Record<string, string>>) => Promise<boolean>;
  /** The API does not know them, and that stays so. */
  leave?: () => void;
}

/** A page fills it in as it begins. */
export const caller: Caller = {};

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

interface Sent {
  readonly method?: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

const STRANGER = 401;

async function send(url: string, sent: Sent): Promise<Response> {
  const shown = caller.headers?.() ?? {};
  const response = await sendOnce(url, sent, shown);
  return response.status === STRANGER && (await caller.renew?.(shown)) ? send(url, sent) : response;
}

async function sendOnce(url: string, sent: Sent, shown: Readonly<Record<string, string>>): Promise<Response> {
  try {
    const headers = { ...shown, ...sent.headers };
    return await fetch(url, { ...sent, headers, redirect: "error" });
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
