import { STATUS_CODES } from "node:http";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An answer that is an error, by RFC 9457. `detail` is a sentence of ours, and repeats nothing of the request. */
export function problem(
  status: ContentfulStatusCode,
  detail?: string,
  headers: Record<string, string> = {},
  members: Record<string, string> = {},
): Response {
  return new Response(problemText(status, detail, members), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

export function problemText(status: number, detail?: string, members: Record<string, string> = {}): string {
  const title = STATUS_CODES[status] ?? "Error";
  return JSON.stringify({ title, status, ...(detail !== undefined && { detail }), ...members });
}
