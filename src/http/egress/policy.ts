/**
 * Egress: which URLs and which addresses a delivery may go to.
 *
 * Strangers write endpoint URLs, and the daemon runs inside a private network: without a policy, a webhook sender is
 * a machine for reading cloud metadata and private services (SSRF). There are two checks. `judgeUrl` judges the text of
 * the URL. `judgeAddress` judges every address that a name resolves to, and the peer of the connected socket, because a
 * name may resolve differently the next time.
 */
import { isIPv4 } from "node:net";
import {
  type Address,
  type AddressClass,
  behindNat64,
  type Cidr,
  classify,
  EMBEDDED_BITS,
  embeddedBehind,
  parseAddress,
  parseCidr,
  reachedBy,
} from "./addresses.ts";
import {
  canonicalName,
  type HostPattern,
  matchesAddress,
  matchesHost,
  parseRule,
  patternOf,
  type RuleList,
} from "./rules.ts";

export type EgressProfile = "public-only" | "private-ok" | "custom";

/** The ports below 1024 that are dialled by default: the others belong to mail, ssh, directories, databases. */
const LOW_PORTS = ["80", "443"] as const;
const FIRST_HIGH_PORT = 1024;

/** RFC 1035: 253 bytes for a name, 63 for each label. */
const HOST_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;

export interface EgressSettings {
  readonly profile: EgressProfile;
  /** CIDRs, addresses and host patterns (`*.example.com`, `localhost`); only with the profile `custom`. */
  readonly allow: readonly string[];
  /** The same forms; wins over `allow`. Only with the profile `custom`. */
  readonly deny: readonly string[];
  /** Ports below 1024 that may be dialled, 80 and 443 by default. Ports from 1024 always may; port 0 never. */
  readonly lowPorts?: readonly string[];
  /** The network's NAT64 prefixes, each a /96: what is behind them is judged by the IPv4 address that it embeds. */
  readonly nat64?: readonly string[];
}

export interface EgressPolicy {
  readonly profile: EgressProfile;
  readonly allow: RuleList;
  readonly deny: RuleList;
  readonly lowPorts: readonly number[];
  readonly nat64: readonly Cidr[];
}

export type EgressProblem =
  /** A list that the profile does not read: its author believes that it permits or protects something. */
  | { readonly kind: "unused"; readonly list: "allow" | "deny" }
  | { readonly kind: "entry"; readonly list: ListName; readonly entry: string; readonly remedy: string };

type ListName = "allow" | "deny" | "lowPorts" | "nat64";

export type EgressParse =
  | { readonly kind: "policy"; readonly policy: EgressPolicy }
  | { readonly kind: "problems"; readonly problems: readonly EgressProblem[] };

export type Refusal = { readonly verdict: "refused"; readonly reason: string };
export type AddressVerdict = { readonly verdict: "allowed" } | Refusal;
/** `url` is as the WHATWG parser wrote it, without a trailing dot after the host. */
export type UrlVerdict = { readonly verdict: "allowed"; readonly url: URL } | Refusal;

/** Names of private networks, which `public-only` refuses: a resolver with a search list answers them. */
const INSIDE_NAMES: readonly HostPattern[] = [
  "*.local",
  "*.internal",
  "*.svc",
  "*.cluster.local",
  "*.home.arpa",
  "*.lan",
].map(patternOf);
/** Names of this machine, which `private-ok` refuses too. */
const SELF_NAMES: readonly HostPattern[] = ["localhost", "*.localhost", "localhost.localdomain"].map(patternOf);
/** The addresses that they have, 127.0.0.1 and ::1. */
const SELF_ADDRESSES: readonly Address[] = [
  { family: 4, value: 0x7f000001n },
  { family: 6, value: 1n },
];

/** Reads the settings, and reports everything that is wrong with them at once. */
export function parseEgressPolicy(settings: EgressSettings): EgressParse {
  const { profile } = settings;
  const problems: EgressProblem[] = [];
  for (const list of ["allow", "deny"] as const) {
    if (profile !== "custom" && settings[list].length > 0) {
      problems.push({ kind: "unused", list });
    }
  }
  const allow = parseRules("allow", settings.allow, problems);
  const deny = parseRules("deny", settings.deny, problems);
  const lowPorts = parsePorts(settings.lowPorts ?? LOW_PORTS, problems);
  const nat64 = parseNat64(settings.nat64 ?? [], problems);
  return problems.length > 0
    ? { kind: "problems", problems }
    : { kind: "policy", policy: { profile, allow, deny, lowPorts, nat64 } };
}

function parsePorts(texts: readonly string[], problems: EgressProblem[]): readonly number[] {
  const ports: number[] = [];
  for (const text of texts) {
    const port = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
    if (port >= 1 && port < FIRST_HIGH_PORT) {
      ports.push(port);
    } else {
      const remedy = `list whole numbers from 1 to ${FIRST_HIGH_PORT - 1}; higher ports are always allowed`;
      problems.push({ kind: "entry", list: "lowPorts", entry: text, remedy });
    }
  }
  return ports;
}

/** RFC 6052 has shorter prefixes, too; the /96 is the one that networks with DNS64 use. */
function parseNat64(texts: readonly string[], problems: EgressProblem[]): readonly Cidr[] {
  const prefixes: Cidr[] = [];
  for (const text of texts) {
    const parsed = parseCidr(text.trim());
    if (parsed?.kind === "cidr" && parsed.cidr.family === 6 && parsed.cidr.shift === EMBEDDED_BITS) {
      prefixes.push(parsed.cidr);
    } else {
      problems.push({
        kind: "entry",
        list: "nat64",
        entry: text,
        remedy: "list IPv6 prefixes of length 96: 64:ff9b::/96",
      });
    }
  }
  return prefixes;
}

function parseRules(list: ListName, texts: readonly string[], problems: EgressProblem[]): RuleList {
  const cidrs: Cidr[] = [];
  const hosts: HostPattern[] = [];
  for (const text of texts) {
    const rule = parseRule(text.trim());
    if (rule.kind === "cidr") {
      cidrs.push(rule.cidr);
    } else if (rule.kind === "host") {
      hosts.push(rule.pattern);
    } else {
      problems.push({ kind: "entry", list, entry: text, remedy: rule.remedy });
    }
  }
  return { cidrs, hosts };
}

/**
 * Judges an address that is about to be dialled, or was.
 *
 * @param ip Text as `dns.lookup` or `socket.remoteAddress` give it; anything else is refused.
 * @param host The name that it was resolved from, if any. An allowed name opens private and loopback addresses only.
 *   Link-local, metadata and reserved ones need a CIDR, because the owner of the zone below `*.example.com` could point
 *   one of its names at 169.254.169.254. The reason of a refusal does not say what the name resolves to, because the
 *   owner of an endpoint may read it.
 */
export function judgeAddress(policy: EgressPolicy, ip: string, host?: string): AddressVerdict {
  const address = parseAddress(ip);
  if (address === undefined) {
    return refused(host === undefined ? `${JSON.stringify(ip)} is not an IP address` : "the name has no IP address");
  }
  const name = host === undefined ? undefined : canonicalName(host);
  if (name !== undefined && matchesHost(policy.deny.hosts, name)) {
    return refused(denied(`the host ${name}`));
  }
  if (reachedBy(policy.nat64, address).some((each) => matchesAddress(policy.deny.cidrs, each))) {
    return refused(denied(name === undefined ? ip : "what the name resolves to"));
  }
  if (isNoDestination(address)) {
    return refused(`${name === undefined ? `${ip} is` : "the name resolves to"} no address of a receiver`);
  }
  if (matchesAddress(policy.allow.cidrs, address)) {
    return ALLOWED;
  }
  const inner = embeddedBehind(policy.nat64, address);
  if (isOpened(policy, inner ?? address, name, inner !== undefined)) {
    return ALLOWED;
  }
  const addressClass = classify(inner ?? address);
  const subject = name === undefined ? `${ip} is` : "the name resolves to";
  const way = inner === undefined ? "" : " behind NAT64";
  return refused(`${subject} ${article(addressClass)} address${way}; ${remedyFor(policy, addressClass, address)}`);
}

/**
 * No list opens these, so `postrider.endpoint_url` refuses them in SQL: no TCP connection leads to a multicast or broadcast
 * address, and an unspecified one leads to this machine, whose address is 127.0.0.1.
 */
function isNoDestination(address: Address): boolean {
  const addressClass = classify(address);
  return (
    addressClass === "multicast" ||
    addressClass === "unspecified" ||
    (address.family === 4 && address.value === BROADCAST)
  );
}

function denied(subject: string): string {
  return `${subject} is on the deny list, POSTRIDER_EGRESS_DENY`;
}

/**
 * Whether the profile or the allow list opens the address.
 *
 * @param isTranslated It is reached through NAT64. Its loopback, link-local and metadata addresses are the translator's,
 *   so nothing that is said of this machine's opens them.
 */
function isOpened(policy: EgressPolicy, address: Address, name: string | undefined, isTranslated: boolean): boolean {
  const isNameAllowed = name !== undefined && matchesHost(policy.allow.hosts, name);
  switch (classify(address)) {
    case "public":
      return true;
    case "private":
      return policy.profile === "private-ok" || isNameAllowed || matchesAddress(policy.allow.cidrs, address);
    case "loopback":
      return isNameAllowed && !isTranslated;
    default:
      return false;
  }
}

/**
 * Judges the text of a URL: scheme, user info, port and the name or literal address of the host. A name that passes is
 * not yet safe: its addresses are judged when it is dialled.
 */
export function judgeUrl(policy: EgressPolicy, text: string): UrlVerdict {
  // The parser strips tabs and outer spaces, and reads backslashes as slashes and "http:host" as "http://host". A person
  // may read another host in the same text.
  if (/[^\u0021-\u007e\u0080-\uffff]|\\/.test(text)) {
    return refused("the URL contains a space, a control character or a backslash");
  }
  if (!/^https?:\/\//i.test(text)) {
    return refused("the URL does not begin with http:// or https://");
  }
  const url = URL.parse(text);
  if (url === null) {
    return refused("the URL is malformed");
  }
  if (url.username !== "" || url.password !== "") {
    return refused("the URL carries a user name or password");
  }
  if (url.hash !== "") {
    return refused("the URL has a fragment, which is never sent");
  }
  const port = portOf(url);
  if (port < FIRST_HIGH_PORT && !policy.lowPorts.includes(port)) {
    const allowed = policy.lowPorts.length === 0 ? "none" : policy.lowPorts.join(", ");
    return refused(`of the ports below 1024, POSTRIDER_EGRESS_PORTS allows ${allowed}, and not ${port}`);
  }
  return judgeHost(policy, url);
}

function judgeHost(policy: EgressPolicy, url: URL): UrlVerdict {
  const literal = literalOf(url.hostname);
  if (literal !== undefined) {
    const verdict = judgeAddress(policy, literal);
    return verdict.verdict === "allowed" ? { verdict: "allowed", url } : verdict;
  }
  const name = canonicalName(url.hostname);
  const reason = refusalOfName(policy, name, true);
  if (reason !== undefined) {
    return refused(reason);
  }
  if (name !== url.hostname) {
    // Neither a certificate nor a server name indication ever carries the dot.
    url.hostname = name;
  }
  return { verdict: "allowed", url };
}

/** @param isResolvedHere Its addresses are judged before they are dialled; a proxy resolves names for itself. */
function refusalOfName(policy: EgressPolicy, name: string, isResolvedHere: boolean): string | undefined {
  if (name.length > HOST_LENGTH_MAX) {
    return `the host name is longer than ${HOST_LENGTH_MAX} characters`;
  }
  if (name.split(".").some((label) => label === "" || label.length > LABEL_LENGTH_MAX)) {
    return `the host name has an empty label, or one longer than ${LABEL_LENGTH_MAX} characters`;
  }
  if (matchesHost(policy.deny.hosts, name)) {
    return `the host ${name} is on the deny list, POSTRIDER_EGRESS_DENY`;
  }
  if (matchesHost(policy.allow.hosts, name)) {
    return undefined;
  }
  if (isOwnName(name)) {
    // What allows 127.0.0.1 means localhost, too.
    return isResolvedHere && SELF_ADDRESSES.some((each) => matchesAddress(policy.allow.cidrs, each))
      ? undefined
      : `the host ${name} is this machine; ${remedyFor(policy)}`;
  }
  const isInside = !name.includes(".") || matchesHost(INSIDE_NAMES, name);
  return !isInside || policy.profile === "private-ok" || (isResolvedHere && opensInside(policy))
    ? undefined
    : `the host ${name} is a name of a private network; ${remedyFor(policy, "private")}`;
}

/** Whether a name is one of this machine's. */
export function isOwnName(name: string): boolean {
  return matchesHost(SELF_NAMES, name);
}

/** Judges the name of a URL that was allowed, if its addresses cannot be judged. */
export function judgeUnresolved(policy: EgressPolicy, name: string): AddressVerdict {
  const reason = refusalOfName(policy, name, false);
  return reason === undefined ? ALLOWED : refused(reason);
}

/**
 * Whether addresses are allowed that names of private networks may have: then those decide. A list that has host patterns
 * says which names are meant.
 */
function opensInside({ allow }: EgressPolicy): boolean {
  const opensPrivate = allow.cidrs.some(({ family, network, shift }) => {
    const addressClass = classify({ family, value: network << shift });
    return addressClass !== "public" && addressClass !== "loopback";
  });
  return opensPrivate && allow.hosts.length === 0;
}

/** The settings that change the verdict. */
function remedyFor(policy: EgressPolicy, addressClass?: AddressClass, address?: Address): string {
  const isBehindNat64 = address !== undefined && addressClass === "translated" && behindNat64(address) !== undefined;
  const unwrap = "POSTRIDER_EGRESS_NAT64=64:ff9b::/96 judges the IPv4 address behind NAT64; ";
  return (isBehindNat64 ? unwrap : "") + remedyByProfile(policy, addressClass);
}

function remedyByProfile(policy: EgressPolicy, addressClass: AddressClass | undefined): string {
  if (policy.profile === "custom") {
    return "POSTRIDER_EGRESS_ALLOW does not list it";
  }
  const privateOk = addressClass === "private" ? "private-ok allows private networks, and " : "";
  return `POSTRIDER_EGRESS is ${policy.profile}: ${privateOk}custom allows what POSTRIDER_EGRESS_ALLOW lists`;
}

/** The address inside a URL's hostname, without brackets; undefined if it is a name. */
export function literalOf(hostname: string): string | undefined {
  if (hostname.startsWith("[")) {
    return hostname.slice(1, -1);
  }
  return isIPv4(hostname) ? hostname : undefined;
}

/** The port at which a URL is dialled. */
export function portOf(url: URL): number {
  if (url.port !== "") {
    return Number(url.port);
  }
  return url.protocol === "https:" ? 443 : 80;
}

/** 255.255.255.255 */
const BROADCAST = 0xffffffffn;

const ALLOWED: AddressVerdict = { verdict: "allowed" };

function refused(reason: string): Refusal {
  return { verdict: "refused", reason };
}

function article(addressClass: AddressClass): string {
  return addressClass === "unspecified" ? `an ${addressClass}` : `a ${addressClass}`;
}
