/** Rules of the allow and deny lists: CIDRs, addresses, and host patterns such as `*.example.com`. */
import { domainToASCII } from "node:url";
import { type Address, type Cidr, type CidrParse, contains, parseCidr } from "./addresses.ts";

export interface HostPattern {
  readonly kind: "exact" | "below";
  /** Lower case, ASCII, no leading or trailing dot. `below` matches every name that ends with a dot and this. */
  readonly name: string;
}

export interface RuleList {
  readonly cidrs: readonly Cidr[];
  readonly hosts: readonly HostPattern[];
}

export type Rule = CidrParse | { readonly kind: "host"; readonly pattern: HostPattern };

export function parseRule(text: string): Rule {
  const cidr = parseCidr(text);
  if (cidr !== undefined) {
    return cidr;
  }
  const below = text.startsWith("*.");
  const name = canonicalName(domainToASCII(below ? text.slice(2) : text));
  // A name of digits alone is a mistyped address (10.1.2, 10.1.2.3.4): no top-level domain is a number.
  if (!/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) || /(^|\.)[0-9]+$/.test(name)) {
    return { kind: "problem", remedy: "use a CIDR (10.0.0.0/8), an address, a host name, or *.example.com" };
  }
  return { kind: "host", pattern: { kind: below ? "below" : "exact", name } };
}

export function patternOf(text: string): HostPattern {
  const rule = parseRule(text);
  if (rule.kind !== "host") {
    throw new Error(`${text} is not a host pattern`);
  }
  return rule.pattern;
}

/** Lower case, without the dot at the end. */
export function canonicalName(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** `name` is canonical. */
export function matchesHost(patterns: readonly HostPattern[], name: string): boolean {
  return patterns.some((pattern) =>
    pattern.kind === "exact" ? name === pattern.name : name.endsWith(`.${pattern.name}`),
  );
}

export function matchesAddress(cidrs: readonly Cidr[], address: Address): boolean {
  return cidrs.some((cidr) => contains(cidr, address));
}
