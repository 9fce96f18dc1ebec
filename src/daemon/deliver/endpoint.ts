import type { Signing } from "../../db/signing.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { LEASE_MARGIN_MS } from "../../domain/delivery.ts";
import { makeRetryPolicy, type RetryPolicy } from "../../domain/retryPolicy.ts";
import type { Formats } from "../../format/body.ts";
import { ENCRYPTED_CONTENT_TYPE, type EncryptionKey, type ParsedEncryptionKey } from "../../format/encrypt.ts";
import { type BatchFormat, FORMAT_NAMES, type Format } from "../../format/format.ts";
import { tokenKeysOf } from "../../format/payloadToken.ts";
import type { MixedKeys, SigningKey } from "../../format/sign.ts";
import type { ClientCertificate } from "../../http/egress/clientCertificate.ts";
import { type FixedHeaders, fixHeaders, USER_AGENT } from "../../http/request.ts";
import { originOf } from "../../telemetry/redact.ts";
import type { Auth } from "./auth.ts";
import type { Credentials } from "./credentials.ts";
import type { Thinning } from "./thinning.ts";

/** How to talk to an endpoint, as of one revision of it. */
export interface Endpoint {
  readonly id: string;
  readonly revision: string;
  readonly url: string;
  /** The part of the URL that events may hold. */
  readonly origin: string;
  readonly format: Format;
  /** How several events go in one request; null if each goes in one of its own. */
  readonly batchFormat: BatchFormat | null;
  /** Whether all daemons together keep limits for it: its deliveries must be leased, and counted. */
  readonly isLimited: boolean;
  /** Whether the events of a key are sent in their order, which the queue keeps. */
  readonly isOrdered: boolean;
  readonly timeoutMs: number;
  /** For how long a lease must still last when the request begins. */
  readonly lastingMs: number;
  readonly scheduleMs: readonly number[];
  /** Which answers end a delivery at once; null if every one is retried. */
  readonly retryPolicy: RetryPolicy | null;
  /** The headers of every request, but for those of the event and the signature. */
  readonly fixed: FixedHeaders;
  /** The same, by name in small letters, for deliveries that replace some. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a delivery needs something else than the payload of its event: it goes through the queue, which finds it. */
  readonly transforms: boolean;
  /** Whether that may be so for a delivery that has begun, because the endpoint transforms or did. */
  readonly mayTransform: boolean;
  /** Newest first; empty if no request may be sent. */
  readonly keys: readonly SigningKey[];
  /** What signs instead of `keys` if the endpoint wants ed25519; null if it does not. */
  readonly mixedKeys: MixedKeys | null;
  /** How requests say who sends; null if they do not. */
  readonly auth: Auth | null;
  /** What it shows to a receiver that asks who connects; null for nothing. */
  readonly clientCertificate: ClientCertificate | null;
  /** The header line that names the origin its receiver consents to; empty without a handshake. */
  readonly originLine: string;
  /** The most requests per minute; null if there is no limit. */
  readonly ratePerMinute: number | null;
  /** How bodies are encrypted; null if they are sent in the clear. */
  readonly encryption: Encryption | null;
  /** How it gets events with large payloads; null if their payloads are in the request. */
  readonly thinning: Thinning | null;
  /** Why no request may be sent; null if one may. */
  readonly problem: string | null;
  /** Why its receiver may not even be asked for its consent; null if it may. */
  readonly askProblem: string | null;
  /** The problem passes: deliveries wait, and no attempt has failed. */
  readonly waits: boolean;
  /** By the daemon's own clock: when a secret expires, and the endpoint must be loaded again. */
  readonly validUntilMs: number;
}

/** A receiver's key, and the content type of what is encrypted to it. */
export interface Encryption {
  readonly key: EncryptionKey;
  readonly contentType: string;
}

/** What is loaded of an endpoint. */
export const loadEndpoints = defineStatement("load_endpoints", {
  params: { ids: "uuid[]", omitsTexts: "boolean" },
  columns: {
    id: "uuid",
    revision: "bigint",
    format: "text",
    batch_size: "integer",
    ordered: "boolean",
    timeout_ms: "integer",
    signing: ["hmac", "ed25519", "both"],
    url: "text",
    headers: "jsonb",
    encryption_key: "jsonb?",
    inline_limit: "integer?",
    is_limited: "boolean",
    is_paced: "boolean",
    transforms: "boolean",
    may_transform: "boolean",
    schedule_ms: "double precision[]",
    retry_on: "text[]?",
    give_up_on: "text[]",
    secrets: "text[]",
    secret_kinds: "text[]",
    secrets_valid_ms: "double precision?",
    auth_type: "text?",
    has_client_certificate: "boolean",
    handshake: "boolean",
    is_unconsented: "boolean?",
    rate_per_minute: "integer?",
    is_silent: "boolean",
  },
});

export type EndpointRow = RowOf<typeof loadEndpoints.shape>;

/** Beyond the attempt itself: the result must be recorded before another daemon may take the delivery. */
const RECORD_MARGIN_MS = 2_000;
/** A request counts for a rate from when it is leased. One that begins later would bring what the next seconds are for. */
const START_MS_MAX = 1_000;
/** How long an endpoint that could not be paused is known, because an operator is changing it. */
const UNREADABLE_MS = 1_000;

/** What was sealed with a key that this daemon lacks: it pauses the endpoint. Null if everything can be read. */
export function unreadableOf({ standing, problem }: Signing, credentials: Credentials): string | null {
  if (standing === "unreadable") {
    return problem;
  }
  return credentials.isUnreadable ? credentials.problem : null;
}

function defaultHeaders(contentType: string): Record<string, string> {
  return { "content-type": contentType, "user-agent": USER_AGENT };
}

/** Shared by all endpoints of a content type that add no headers. */
const defaults = new Map<string, Pick<Endpoint, "fixed" | "headers">>();

function defaultsOf(contentType: string): Pick<Endpoint, "fixed" | "headers"> {
  const headers = defaultHeaders(contentType);
  const known = defaults.get(contentType) ?? { fixed: fixHeaders(headers), headers };
  defaults.set(contentType, known);
  return known;
}

/** What an endpoint is made of besides its row. */
export interface Loading {
  readonly signing: Signing;
  readonly credentials: Credentials;
  /** Null if the endpoint has no encryption_key. */
  readonly parsedKey: ParsedEncryptionKey | null;
  readonly formats: Formats;
  readonly publicUrl: string | null;
  readonly originLine: string;
  readonly askedMs: number;
  /** Why no request may be sent, if that is so for what could not be read. */
  readonly unreadable: string | null;
  /** Whether a secret is sealed with a key that this daemon lacks. */
  readonly isSealed: boolean;
}

/** What deliveries and handshakes need of it, decided once for the revision. */
export function decodeEndpoint(row: EndpointRow, loading: Loading): Endpoint {
  const { signing, credentials, parsedKey, formats, askedMs, unreadable, isSealed } = loading;
  const { auth, clientCertificate } = credentials;
  const formatName = FORMAT_NAMES.find((known) => known === row.format);
  const format = formats[formatName ?? "standard"];
  const batchFormat = row.batch_size > 1 ? format.batch : null;
  const key = parsedKey?.kind === "key" ? parsedKey.key : null;
  const headers = decodeHeaders(
    { ...(row.headers as object), ...ownHeader(auth) },
    (batchFormat ?? format).contentType,
    key !== null,
  );
  const formatProblem =
    formatName === undefined ? `this version does not know the format ${JSON.stringify(row.format)}` : null;
  const keyProblem = parsedKey?.kind === "problem" ? `the endpoint's encryption_key ${parsedKey.problem}` : null;
  const authProblem = credentials.isUnreadable ? null : credentials.problem;
  const consentProblem = row.is_unconsented === true ? "the receiver has not consented yet" : null;
  const fault = unreadable ?? formatProblem ?? headers.problem ?? keyProblem ?? authProblem;
  return {
    id: row.id,
    revision: row.revision,
    url: row.url,
    origin: originOf(row.url),
    format,
    batchFormat,
    isLimited: row.is_limited,
    lastingMs: row.timeout_ms + (row.is_paced ? LEASE_MARGIN_MS - START_MS_MAX : RECORD_MARGIN_MS),
    isOrdered: row.ordered,
    timeoutMs: row.timeout_ms,
    scheduleMs: row.schedule_ms,
    retryPolicy: makeRetryPolicy(row.retry_on, row.give_up_on),
    fixed: headers.fixed,
    headers: headers.headers,
    transforms: row.transforms,
    mayTransform: row.may_transform,
    keys: signing.keys,
    mixedKeys: signing.mixedKeys,
    auth,
    clientCertificate,
    originLine: row.handshake ? loading.originLine : "",
    ratePerMinute: row.rate_per_minute,
    thinning: thinningOf(row, loading),
    encryption: key === null ? null : { key, contentType: headers.contentType },
    problem: fault ?? signing.problem ?? credentials.problem ?? consentProblem,
    askProblem: unreadable ?? headers.problem ?? credentials.problem,
    waits: fault === null && (signing.standing === "waits" || isSealed || consentProblem !== null),
    validUntilMs: askedMs + (isSealed ? UNREADABLE_MS : (row.secrets_valid_ms ?? Number.POSITIVE_INFINITY)),
  };
}

/** The newest secret of those in force signs URLs. Without one nothing is sent. */
function thinningOf({ inline_limit }: EndpointRow, { signing, publicUrl, parsedKey }: Loading): Thinning | null {
  if (inline_limit === null || parsedKey !== null) {
    return null;
  }
  const [key] = tokenKeysOf(signing.mixedKeys?.hmac ?? signing.keys, signing.mixedKeys?.ed25519 ?? []);
  return key === undefined ? null : { bytesMax: inline_limit, key, publicUrl };
}

/** The header that says who sends, if that is always the same. */
function ownHeader(auth: Auth | null): Readonly<Record<string, string>> {
  return auth === null || auth.headerValue === null ? {} : { [auth.headerName]: auth.headerValue };
}

interface DecodedHeaders extends Pick<Endpoint, "fixed" | "headers" | "problem"> {
  /** Of the body, before it is encrypted. */
  readonly contentType: string;
}

function decodeHeaders(given: unknown, contentType: string, isEncrypted: boolean): DecodedHeaders {
  const own = Object.entries(given as Readonly<Record<string, unknown>>);
  if (own.length === 0) {
    return { ...defaultsOf(isEncrypted ? ENCRYPTED_CONTENT_TYPE : contentType), contentType, problem: null };
  }
  let problem: string | null = null;
  // Not by assignment, in which __proto__, a name that HTTP allows, has another meaning.
  const named = new Map(Object.entries(defaultHeaders(contentType)));
  for (const [name, value] of own) {
    if (typeof value !== "string") {
      problem = `the value of the endpoint's header ${JSON.stringify(name)} is no string`;
    } else {
      named.set(name.toLowerCase(), value);
    }
  }
  const bodyType = named.get("content-type") ?? contentType;
  if (isEncrypted) {
    named.set("content-type", ENCRYPTED_CONTENT_TYPE);
  }
  const headers = Object.fromEntries(named);
  return { fixed: fixHeaders(headers), headers, contentType: bodyType, problem };
}
