import { type BlockList, isIPv6 } from "node:net";
import type { Scope } from "../domain/scope.ts";

/** A proxy that logs people in, and says in headers who asks. */
export interface TrustedUsers {
  /** Names of headers, in small letters. */
  readonly userHeader: string;
  /** Null: a user's groups are not told. */
  readonly groupsHeader: string | null;
  /** What the members of a group may do; `*` stands for every user. */
  readonly scopesOf: ReadonlyMap<string, readonly Scope[]>;
  /** Where the proxy connects from. From anywhere else the headers say nothing. */
  readonly proxies: Pick<BlockList, "check">;
}

export type NamedUser =
  | { readonly kind: "user"; readonly name: string; readonly scopes: readonly Scope[] }
  | { readonly kind: "nobody" }
  /** The proxy lets through what a client has written, or it names nobody who could be shown in the audit. */
  | { readonly kind: "mistake"; readonly problem: string };

const NOBODY: NamedUser = { kind: "nobody" };

/** No control characters, marks of direction or blanks but between words; no comma, with which headers are merged. */
const NAME = /^(?!\s)[^\p{C}\p{Zl}\p{Zp},\ufffd]{1,255}(?<!\s)$/u;

/** Whom the proxy names. `rawHeaders` are Node's: names and values in turns, as they came. */
export function userOf(
  { userHeader, groupsHeader, scopesOf, proxies }: TrustedUsers,
  rawHeaders: readonly string[],
  remoteAddress: string | undefined,
): NamedUser {
  if (remoteAddress === undefined || !proxies.check(remoteAddress, isIPv6(remoteAddress) ? "ipv6" : "ipv4")) {
    return NOBODY;
  }
  const [given, ...others] = valuesOf(rawHeaders, userHeader);
  if (given === undefined) {
    return NOBODY;
  }
  const groups = groupsHeader === null ? [] : valuesOf(rawHeaders, groupsHeader);
  if (others.length > 0 || groups.length > 1) {
    const name = others.length > 0 ? userHeader : groupsHeader;
    return { kind: "mistake", problem: `the header ${name} came twice: the proxy must replace what a client sends` };
  }
  const name = textOf(given);
  if (!NAME.test(name)) {
    return { kind: "mistake", problem: `the header ${userHeader} does not hold the name of one user` };
  }
  const held = ["*", ...(groups[0] ?? "").split(",").map((group) => textOf(group.trim()))];
  return { kind: "user", name, scopes: [...new Set(held.flatMap((group) => scopesOf.get(group) ?? []))] };
}

function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

/** Node reads headers as latin1; proxies write names in UTF-8. */
function textOf(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}
