import { STATUS_CODES } from "node:http";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An answer that is an error, by RFC 9457. `detail` is a sentence of ours, and repeats nothing of the request. */
export function problem(status: ContentfulStatusCode, detail?: string, headers: Record<string, string> = {}): Response {
  return new Response(problemText(status, detail), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

export function problemText(status: number, detail?: string): string {
  return JSON.stringify({ title: STATUS_CODES[status] ?? "Error", status, ...(detail !== undefined && { detail }) });
}
