/** A token for a client by its credentials alone: RFC 6749 §4.4. */
import { createHash } from "node:crypto";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { parseJsonObject } from "../ground/jsonObject.ts";
import { fixHeaders, type OutgoingRequest, USER_AGENT } from "./request.ts";

/** Who asks which server for a token, and for what. */
export interface TokenClient {
  /** Of an absolute http or https URL, as hostile as that of an endpoint. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** How it says who it is: in a header, or in the body. */
  readonly method: "client_secret_basic" | "client_secret_post";
  readonly scope: string | null;
  /** No parameter of the RFC, but one that common servers ask for. */
  readonly audience: string | null;
}

/** A request for a token, to be sent like any other: under the rules of egress and the limits of an answer. */
export function tokenRequest(client: TokenClient, timeoutMs: number): OutgoingRequest {
  const { clientId, clientSecret, method, scope, audience } = client;
  const isInBody = method === "client_secret_post";
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    ...(scope === null ? {} : { scope }),
    ...(audience === null ? {} : { audience }),
    ...(isInBody ? { client_id: clientId, client_secret: clientSecret } : {}),
  });
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
    "user-agent": USER_AGENT,
    ...(isInBody ? {} : { authorization: `Basic ${base64(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`)}` }),
  };
  return {
    url: client.url,
    fixed: fixHeaders(headers),
    lines: "",
    body: Buffer.from(form.toString()),
    credentialId: createHash("sha256").update(`${client.url} ${form} ${headers.authorization}`).digest("base64url"),
    timeoutMs,
  };
}

/** RFC 6749 §2.3.1 encodes both before they are joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

export type Issued =
  | { readonly kind: "token"; readonly token: string; readonly lifetimeMs: number }
  /** `error` is one sentence. */
  | { readonly kind: "failed"; readonly failureKind: FailureKind; readonly error: string };

/** If the server does not say how long the token is good for. */
const DEFAULT_LIFETIME_MS = 300_000;
const LIFETIME_MAX_MS = 86_400_000;
const TOKEN_CHARS_MAX = 8_192;

/** What came of a request for a token. What the server wrote is not repeated: it may quote the secret. */
export function readTokenAnswer(attempt: Attempt): Issued {
  const { failureKind, httpStatus, responseBody, error } = attempt;
  if (failureKind !== null && httpStatus === null) {
    const found = (error ?? failureKind).replaceAll("the receiver", "it");
    return failed(found, failureKind === "blocked" || failureKind === "timeout" ? failureKind : "auth");
  }
  const answer = parseJsonObject(responseBody ?? "");
  if (failureKind !== null || httpStatus !== 200) {
    const code = ERROR_CODES.find((known) => known === answer?.error);
    return failed(`it answered ${httpStatus}${code === undefined ? "" : ` (${code})`}`);
  }
  if (answer === null) {
    return failed("its answer is no JSON object, or longer than what is read of one");
  }
  const { access_token: token, token_type: type, expires_in: expiresIn } = answer;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_CHARS_MAX) {
    return failed("its answer has no access_token that a header can carry");
  }
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") {
    return failed("its answer has a token_type other than Bearer");
  }
  return { kind: "token", token, lifetimeMs: lifetimeMs(expiresIn) };
}

/** RFC 6749 §5.2, and what RFC 8707 and common servers add. */
const ERROR_CODES = [
  ...["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"],
  ...["invalid_scope", "invalid_target", "access_denied", "server_error", "temporarily_unavailable"],
];

function failed(found: string, failureKind: FailureKind = "auth"): Issued {
  return { kind: "failed", failureKind, error: `the token endpoint gave no token: ${found}` };
}

/** Some servers write the number as a text. */
function lifetimeMs(expiresIn: unknown): number {
  const seconds = typeof expiresIn === "string" && /^[0-9]+$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  return typeof seconds === "number" && Number.isFinite(seconds)
    ? Math.min(Math.max(0, seconds * 1_000), LIFETIME_MAX_MS)
    : DEFAULT_LIFETIME_MS;
}
