import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import type { Attempt } from "../../domain/attempt.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import type { ClientCertificate } from "../../http/egress/clientCertificate.ts";
import { unsent } from "../../http/failures.ts";
import { handshakeRequest, readConsent } from "../../http/handshake.ts";
import { type Send, USER_AGENT } from "../../http/request.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** Receivers asked at a time. */
export const HANDSHAKES_MAX = 20;
/** A notification announces those that are new. */
const INTERVAL_MS = 5_000;
/** For the whole request; less if the endpoint has less. Postgres lets another daemon ask after 30 seconds. */
const TIMEOUT_MAX_MS = 10_000;

const takeHandshakes = defineStatement("take_handshakes", {
  params: { handshakesMax: "integer" },
  columns: { endpoint_id: "uuid", revision: "bigint", asking: "bigint" },
});
const recordHandshake = defineStatement("record_handshake", {
  params: {
    ...{ endpointId: "uuid", asking: "bigint", isGranted: "boolean" },
    ...{ allowedRate: "integer?", httpStatus: "smallint?", reason: "text?" },
  },
  columns: { is_recorded: "boolean" },
});

/** What is known of an endpoint whose receiver is asked. */
interface Asked {
  readonly id: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: { readonly id: string; readonly headerName: string; readonly headerValue: string | null } | null;
  readonly clientCertificate: ClientCertificate | null;
  readonly ratePerMinute: number | null;
  readonly askProblem: string | null;
}

interface AskedEndpoints {
  ensure(wanted: Iterable<readonly [id: string, revision: string]>): Promise<unknown>;
  get(id: string): Asked | undefined;
}

export interface HandshakeOptions {
  readonly database: Database;
  readonly conditions: Conditions;
  readonly endpoints: AskedEndpoints;
  readonly send: Send;
  /** Under which consent is asked for. */
  readonly host: string;
}

/** Asks receivers for their consent to deliveries, which wait for it. When to ask whom again is kept in Postgres. */
export function makeHandshakeKeeper(options: HandshakeOptions): Repeat {
  const { conditions } = options;
  const repeat = new Repeat(async () => {
    try {
      const asked = await askDue(options, () => repeat.isStopped);
      conditions.end("handshakes_failing", { task: "handshakes" });
      return asked === HANDSHAKES_MAX ? 0 : INTERVAL_MS;
    } catch (thrown) {
      conditions.begin("handshakes_failing", "maintenance.failed", { task: "handshakes", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  });
  return repeat;
}

async function askDue(options: HandshakeOptions, isStopped: () => boolean): Promise<number> {
  const { database, endpoints } = options;
  const { rows } = await database.run(takeHandshakes, { handshakesMax: HANDSHAKES_MAX });
  await endpoints.ensure(rows.map(({ endpoint_id, revision }) => [endpoint_id, revision]));
  const outcomes = await Promise.allSettled(
    rows.map(({ endpoint_id, asking }) => {
      const endpoint = endpoints.get(endpoint_id);
      return endpoint === undefined || isStopped() ? undefined : ask(options, endpoint, asking, isStopped);
    }),
  );
  // Only now: what Postgres refuses of one must not begin the next look while others are still asked.
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") {
    throw failed.reason;
  }
  return rows.length;
}

async function ask(
  { database, send, host }: HandshakeOptions,
  endpoint: Asked,
  asking: string,
  isStopped: () => boolean,
): Promise<void> {
  const attempt = await attemptOf(endpoint, host, send);
  if (isStopped() && attempt.httpStatus === null) {
    // Cut off by the daemon that stops, which says nothing of the receiver. Another daemon asks.
    return;
  }
  const consent = readConsent(attempt, host);
  await database.run(recordHandshake, {
    ...{ endpointId: endpoint.id, asking, isGranted: consent.kind === "granted" },
    allowedRate: consent.kind === "granted" ? consent.ratePerMinute : null,
    httpStatus: attempt.httpStatus,
    reason: consent.kind === "refused" ? consent.reason : null,
  });
}

/** Fails closed: without what says who sends, the receiver is not asked. */
function attemptOf(endpoint: Asked, host: string, send: Send): Promise<Attempt> {
  const { auth, askProblem } = endpoint;
  if (askProblem !== null) {
    return Promise.resolve(unsent("blocked", `the receiver was not asked: ${askProblem}`));
  }
  const target = {
    url: endpoint.url,
    headers: {
      "user-agent": endpoint.headers["user-agent"] ?? USER_AGENT,
      ...(auth !== null && auth.headerValue !== null && { [auth.headerName]: auth.headerValue }),
    },
    clientCertificate: endpoint.clientCertificate,
    credentialId: auth?.id ?? null,
    ratePerMinute: endpoint.ratePerMinute,
  };
  const request = handshakeRequest(target, host, Math.min(endpoint.timeoutMs, TIMEOUT_MAX_MS));
  return new Promise((resolve) => send(request, resolve));
}
