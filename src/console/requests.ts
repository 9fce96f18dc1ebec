import { defineStatement, type Queryable } from "../db/statements.ts";
import { problem } from "../serve/problem.ts";
import { curlOf, type WrittenRequest } from "./curl.ts";
import { JSON_TYPE } from "./http.ts";
import { type AnyRoute, statementOf, type Values } from "./route.ts";

const noteSignedRequest = defineStatement("note_signed_request", {
  params: { eventId: "uuid", endpointId: "uuid" },
  columns: { note_signed_request: "void" },
});

/** A row of read_request.sql. */
export interface RequestRow {
  readonly event_id: string;
  readonly event_type: string;
  readonly created_at: string;
  readonly context: unknown;
  readonly is_erased: boolean;
  readonly attempts: number;
  readonly batch_id: string | null;
  readonly payload_bytes: number | null;
  readonly payload: string | null;
  readonly is_transformed: boolean;
  readonly content_headers: Readonly<Record<string, string>> | null;
  readonly problem: string | null;
  readonly is_signed: boolean;
  readonly endpoint_id: string;
  readonly revision: string;
  readonly kind: string;
  readonly url: string | null;
  readonly format: string;
  readonly batch_size: number;
  readonly timeout_ms: number;
  readonly inline_limit: number | null;
  readonly handshake: boolean;
  readonly encryption_key: unknown;
  readonly ordered: boolean;
  readonly has_auth: boolean;
  readonly auth_header: string;
  readonly has_client_certificate: boolean;
  readonly headers: unknown;
  readonly attempt_revision: string | null;
}

/** What would be sent. */
export interface ComposedRequest extends WrittenRequest {
  /** Until when a receiver takes the signature for fresh, in seconds since 1970; null without one. */
  readonly validUntilSeconds: number | null;
}

export type Composing =
  | { readonly kind: "composed"; readonly request: ComposedRequest }
  /** Nothing would be sent: one sentence says why. */
  | { readonly kind: "unsent"; readonly problem: string }
  /** This program has no login that may read what signs. */
  | { readonly kind: "cannot sign" };

/** Makes of the rows of one request what a daemon would send now. Without `isSigned` nothing secret is read. */
export type ComposeRequest = (rows: readonly RequestRow[], isSigned: boolean) => Promise<Composing>;

export interface RequestParts {
  readonly route: AnyRoute;
  readonly values: Values;
  readonly transaction: Queryable;
  readonly compose: ComposeRequest;
}

/** What `signed` may say. Postgres knows more words for it, but a request that is signed leaves a row in the audit. */
export function isSigned({ signed = null }: Values): boolean {
  return signed === "true";
}

/** The request of a delivery as it would be sent now. A signed one is noted in the audit, in the same transaction. */
export async function answerRequest({ route, values, transaction, compose }: RequestParts): Promise<Response> {
  const { signed, event_id: eventId, endpoint_id: endpointId } = values;
  if (signed !== null && signed !== "true" && signed !== "false") {
    return problem(400, "signed is neither true nor false", {}, { hint: "Leave it out, or send signed=true." });
  }
  const { rows } = await transaction.query<RequestRow>(statementOf(route), Object.values(values));
  const [first] = rows;
  if (first === undefined) {
    return problem(404, "there is no such event for this endpoint", {}, { hint: "Both must be of one tenant." });
  }
  const found = problemOf(first);
  if (found !== null) {
    return problem(409, found);
  }
  const composing = await compose(rows, isSigned(values));
  switch (composing.kind) {
    case "composed":
      if (isSigned(values)) {
        await transaction.run(noteSignedRequest, { eventId: String(eventId), endpointId: String(endpointId) });
      }
      return new Response(JSON.stringify(shown(composing.request, first)), { status: 200, headers: JSON_TYPE });
    case "unsent":
      return problem(409, composing.problem);
    case "cannot sign": {
      const hint =
        "Ask the API of a daemon, which postrider run serves. Its daemons have a login that may read secrets.";
      return problem(409, "this program may read no secret, so it cannot sign", {}, { hint });
    }
  }
}

function problemOf({ is_erased, kind, problem: found }: RequestRow): string | null {
  if (kind === "pull") {
    return "nothing is sent to a pull endpoint: its receiver fetches";
  }
  if (is_erased) {
    return "the event was erased, and nothing is left of what it said";
  }
  return found === null ? null : `nothing would be sent: ${found}`;
}

function shown({ url, headers, body, validUntilSeconds }: ComposedRequest, row: RequestRow) {
  return {
    method: "POST",
    url,
    headers: headers.map(([name, value]) => ({ name, value })),
    body,
    body_bytes: Buffer.byteLength(body),
    attempt_number: Number(headers.find(([name]) => name === "postrider-attempt")?.[1]),
    endpoint_revision: Number(row.revision),
    endpoint_has_changed: row.attempt_revision === null ? null : row.attempt_revision !== row.revision,
    valid_until: validUntilSeconds === null ? null : new Date(validUntilSeconds * 1_000).toISOString(),
    shows_certificate: row.has_client_certificate,
    curl: curlOf({ url, headers, body }),
  };
}
