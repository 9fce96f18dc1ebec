import { type EgressPolicy, type EgressSettings, parseEgressPolicy } from "../../src/http/egress/policy.ts";

/** The policy of settings that are right. */
export function policyOf(settings: Partial<EgressSettings> = {}): EgressPolicy {
  const parsed = parseEgressPolicy({ profile: "public-only", allow: [], deny: [], ...settings });
  if (parsed.kind === "problems") {
    throw new Error(`the egress settings are wrong: ${JSON.stringify(parsed.problems)}`);
  }
  return parsed.policy;
}

/** The policy under which tests send to this machine. */
export const LOOPBACK_ALLOWED: EgressPolicy = policyOf({ profile: "custom", allow: ["127.0.0.0/8"] });
