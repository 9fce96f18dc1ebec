import { randomBytes } from "node:crypto";
import type { ComposedRequest, ComposeRequest, Composing, RequestRow } from "../console/requests.ts";
import { eventOf } from "../db/eventColumns.ts";
import { decodeSigning, type Signing } from "../db/signing.ts";
import type { Queryable } from "../db/statements.ts";
import { type Delivery, type DeliveryResult, makeDelivery } from "../domain/delivery.ts";
import { type Formats, makeFormats } from "../format/body.ts";
import { encryptBody, loadEncryptionKey } from "../format/encrypt.ts";
import { parseSecret, TOLERANCE_SECONDS } from "../format/sign.ts";
import { monotonicMs } from "../ground/clock.ts";
import { originLine, sendingHost } from "../http/handshake.ts";
import type { OutgoingRequest } from "../http/request.ts";
import type { SealingKey } from "../secrets/sealing.ts";
import { discarded, makeAttempt } from "./deliver/attempt.ts";
import type { Auth } from "./deliver/auth.ts";
import { decodeEndpoint, type Endpoint, type EndpointRow, loadEndpoints } from "./deliver/endpoint.ts";
import { isThin } from "./deliver/thinning.ts";

/** What may read secrets, and opens them. */
export interface Secrets {
  readonly database: Queryable;
  readonly sealingKeys: readonly SealingKey[];
}

export interface PreviewOptions {
  /** CloudEvents' `source`. */
  readonly source: string;
  readonly publicUrl: string | null;
  /** Null: nothing can be signed here. */
  readonly secrets: Secrets | null;
}

/**
 * Makes requests that a person looks at. Each is an attempt by the daemon's own code, with a sender that keeps the request.
 *
 * What it is made of was read by the login of the API, which may read no secret. A request that is not signed is made with
 * a key of the moment, and shown without the signature.
 */
export function makeRequestComposer({ source, publicUrl, secrets }: PreviewOptions): ComposeRequest {
  const formats = makeFormats(source);
  const origin = originLine(sendingHost(publicUrl ?? ""));
  return async (rows, isSigned) => {
    const [first] = rows;
    if (first === undefined) {
      return unsent("there is nothing to send");
    }
    if (isSigned && secrets === null) {
      return { kind: "cannot sign" };
    }
    const signing = isSigned && secrets !== null ? await signingOf(first.endpoint_id, secrets) : passingKey();
    if (signing.problem !== null) {
      return unsent(`nothing would be sent: ${signing.problem}`);
    }
    const endpoint = await endpointOf(first, signing, { formats, publicUrl, origin });
    const deliveries = rows.map((row) => deliveryOf(row));
    const isWhole = deliveries.every(
      (delivery) =>
        delivery.event.payload !== null || (endpoint.thinning !== null && isThin(delivery, endpoint.thinning)),
    );
    return isWhole ? compose(together(deliveries, first, endpoint), endpoint, first, isSigned) : unsent(TOO_LARGE);
  };
}

const TOO_LARGE = "the payload has more than 1048576 bytes, and no request that large is shown";

function unsent(problem: string): Composing {
  return { kind: "unsent", problem };
}

async function signingOf(endpointId: string, { database, sealingKeys }: Secrets): Promise<Signing> {
  const { rows } = await database.run(loadEndpoints, { ids: [endpointId], omitsTexts: true });
  const [row] = rows;
  return row === undefined
    ? { keys: [], mixedKeys: null, problem: "the endpoint was deleted", standing: "fails" }
    : decodeSigning(row, sealingKeys);
}

const KEY_BYTES = 32;

function passingKey(): Signing {
  const parsed = parseSecret(`whsec_${randomBytes(KEY_BYTES).toString("base64")}`);
  return parsed.kind === "key"
    ? { keys: [parsed.key], mixedKeys: null, problem: null, standing: "well" }
    : { keys: [], mixedKeys: null, problem: parsed.problem, standing: "fails" };
}

interface Making {
  readonly formats: Formats;
  readonly publicUrl: string | null;
  readonly origin: string;
}

/** What neither makes a request nor is known without the endpoint's secrets is as if there were none of it. */
async function endpointOf(
  row: RequestRow,
  signing: Signing,
  { formats, publicUrl, origin }: Making,
): Promise<Endpoint> {
  const endpointRow: EndpointRow = {
    ...{
      id: row.endpoint_id,
      revision: row.revision,
      format: row.format,
      batch_size: row.batch_size,
      ordered: row.ordered,
    },
    ...{ timeout_ms: row.timeout_ms, url: row.url ?? "", headers: row.headers, encryption_key: row.encryption_key },
    ...{ inline_limit: row.inline_limit, handshake: row.handshake, is_unconsented: false, is_silent: false },
    ...{ is_limited: false, is_paced: false, transforms: false, may_transform: false, rate_per_minute: null },
    ...{ schedule_ms: [], retry_on: null, give_up_on: [], signing: "hmac", secrets: [], secret_kinds: [] },
    ...{ secrets_valid_ms: null, auth_type: null, has_client_certificate: false },
  };
  return decodeEndpoint(endpointRow, {
    signing,
    credentials: { auth: hiddenAuth(row), clientCertificate: null, problem: null, isUnreadable: false },
    parsedKey: row.encryption_key === null ? null : await loadEncryptionKey(row.encryption_key),
    ...{ formats, publicUrl, originLine: origin, askedMs: monotonicMs(), unreadable: null, isSealed: false },
  });
}

/** Nobody sees what is in this header, so it is marked where it stands. */
function hiddenAuth({ has_auth, auth_header }: RequestRow): Auth | null {
  return has_auth ? { id: "", headerName: auth_header, headerValue: "hidden", client: null, secrets: [] } : null;
}

function deliveryOf(row: RequestRow): Delivery {
  const event = eventOf(row, row.event_id);
  return makeDelivery({
    event: {
      ...event,
      payloadBytes: row.payload_bytes ?? Number.MAX_SAFE_INTEGER,
      hasKnownSize: row.payload_bytes !== null,
    },
    ...{ endpointId: row.endpoint_id, daemonId: "", attempts: row.attempts, attemptsBefore: 0 },
    tenure: {
      ...{ kind: "leased", untilMs: Number.POSITIVE_INFINITY, isCounted: true },
      content: { isStored: row.is_transformed, headers: row.content_headers },
    },
  });
}

/** The delivery that stands for the batch, if the endpoint still gets them. */
function together(deliveries: readonly Delivery[], { batch_id }: RequestRow, { batchFormat }: Endpoint): Delivery {
  const [first] = deliveries;
  if (first === undefined) {
    throw new Error("a request without a delivery");
  }
  if (batch_id !== null && batchFormat !== null) {
    first.batch = { id: batch_id, members: deliveries, room: 0 };
  }
  return first;
}

async function compose(delivery: Delivery, endpoint: Endpoint, row: RequestRow, isSigned: boolean): Promise<Composing> {
  const made = await attempt(delivery, endpoint);
  if ("delivery" in made) {
    return unsent(`nothing would be sent: ${reasonOf(made)}`);
  }
  return made.fixed.fault === undefined
    ? { kind: "composed", request: requestOf(made, row, isSigned) }
    : unsent(made.fixed.fault);
}

/** Resolves to the request that is not sent, or to why there is none. */
function attempt(delivery: Delivery, endpoint: Endpoint): Promise<OutgoingRequest | DeliveryResult> {
  return new Promise((resolve) => {
    const parts = {
      loader: { add: () => resolve(discarded(delivery, TOO_LARGE)) },
      reserve: () => true,
      encryptions: { encrypt: encryptBody },
      mayBegin: () => true,
      send: resolve,
      // The credential is hidden, so no token is asked for.
      tokens: { get: () => Promise.reject(new Error("no token is asked for")), forget: () => {} },
      traces: null,
      end: resolve,
      noteLeftOut: () => {},
      waitForUrl: () => discarded(delivery, "POSTRIDER_PUBLIC_URL is not set, so there is no URL for its payload"),
    };
    makeAttempt(parts, delivery, endpoint);
  });
}

function reasonOf({ decision, attempt: made }: DeliveryResult): string {
  return "reason" in decision && decision.reason !== undefined ? decision.reason : (made?.error ?? "it cannot be made");
}

const SIGNATURE = "webhook-signature";
const TIMESTAMP = "webhook-timestamp";

function requestOf({ url, fixed, lines, body }: OutgoingRequest, row: RequestRow, isSigned: boolean): ComposedRequest {
  const written = headersIn(`${fixed.lines}${lines}`).filter(([name]) => isSigned || name !== SIGNATURE);
  const { host } = new URL(url);
  const timestamp = Number(written.find(([name]) => name === TIMESTAMP)?.[1]);
  return {
    url,
    headers: [
      ["host", host],
      ["connection", "keep-alive"],
      ...written.map(([name, value]) => [name, row.has_auth && name === row.auth_header ? null : value] as const),
      ["content-length", String(body.byteLength)],
    ],
    body: body.toString("utf8"),
    validUntilSeconds: isSigned ? timestamp + TOLERANCE_SECONDS : null,
  };
}

function headersIn(lines: string): readonly (readonly [name: string, value: string])[] {
  return lines
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
}
