import type { Origin } from "./egress/dialFailure.ts";
import { type EgressPolicy, judgeUrl, portOf } from "./egress/policy.ts";

/** A URL that egress allows, in the parts that a request needs. */
export interface AllowedTarget {
  readonly kind: "allowed";
  readonly origin: Origin;
  readonly originKey: string;
  /** The first lines of each request: the request line, the host, the connection. latin1 */
  readonly head: string;
}

export type Target = AllowedTarget | { readonly kind: "refused"; readonly reason: string };

/** Distinct URLs that are remembered. */
const TARGETS_MAX = 10_000;

/** URLs with their verdicts, remembered because the policy of a sender never changes. */
export class Targets {
  readonly #policy: EgressPolicy;
  readonly #known = new Map<string, Target>();

  constructor(policy: EgressPolicy) {
    this.#policy = policy;
  }

  get(url: string): Target {
    const known = this.#known.get(url);
    if (known !== undefined) {
      return known;
    }
    if (this.#known.size >= TARGETS_MAX) {
      // Judging again costs some microseconds; keeping an order of use would cost each request a part of one.
      this.#known.clear();
    }
    const target = parseTarget(this.#policy, url);
    this.#known.set(url, target);
    return target;
  }
}

function parseTarget(policy: EgressPolicy, text: string): Target {
  const verdict = judgeUrl(policy, text);
  if (verdict.verdict === "refused") {
    return { kind: "refused", reason: verdict.reason };
  }
  const url = verdict.url;
  return {
    kind: "allowed",
    origin: { secure: url.protocol === "https:", hostname: url.hostname, port: portOf(url) },
    originKey: url.origin,
    head: `POST ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\n`,
  };
}
