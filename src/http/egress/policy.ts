/**
 * Egress: which URLs and which addresses a delivery may go to.
 *
 * An endpoint's URL is written by somebody we do not know, and we stand inside somebody's network: without a policy a
 * webhook sender is a machine for reading cloud metadata and private services (SSRF). Two questions are asked:
 * `judgeUrl` of the text, when an endpoint is registered and again when it is sent to; `judgeAddress` of every address
 * that a name resolves to, and of the peer of the connected socket, since a name may answer differently the next time.
 *
 * Addresses are compared as numbers, never as text: `::ffff:7f00:1`, `0x7f.1` and `127.0.0.1` are one address, and
 * every library that compared spellings has had a CVE for it.
 */
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

export const EGRESS_PROFILES = ["public-only", "private-ok", "custom"] as const;
export type EgressProfile = (typeof EGRESS_PROFILES)[number];

/** Ports below 1024 that are dialled unless told otherwise: the others belong to mail, ssh, directories, databases. */
const LOW_PORTS = [80, 443] as const;
const FIRST_HIGH_PORT = 1024;

/** RFC 1035: 253 bytes for a name, 63 for each label. */
const HOST_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;

/** What an address is; only `public` is allowed everywhere. */
export type AddressClass =
  | "public"
  | "private"
  | "loopback"
  | "link-local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "translated"
  | "reserved";

export interface EgressSettings {
  readonly profile: string;
  /** CIDRs, addresses and host patterns (`*.example.com`, `localhost`); only with the profile `custom`. */
  readonly allow: readonly string[];
  /** The same forms; wins over `allow`. Only with the profile `custom`. */
  readonly deny: readonly string[];
  /** Ports below 1024 that may be dialled, 80 and 443 by default. Ports from 1024 always may; port 0 never. */
  readonly lowPorts?: readonly number[];
  /** Addresses of this process and of its database, refused in every profile unless `allow` names them. */
  readonly ownAddresses?: readonly string[];
}

export interface EgressPolicy {
  readonly profile: EgressProfile;
  readonly allow: RuleList;
  readonly deny: RuleList;
  readonly lowPorts: readonly number[];
  readonly own: readonly Cidr[];
}

/** One thing wrong with the settings, in the terms of a fault: the setting, what it is, what to do. */
export interface EgressProblem {
  readonly setting: "profile" | "allow" | "deny" | "lowPorts" | "ownAddresses";
  readonly found: string;
  readonly remedy: string;
}

export type EgressParse =
  | { readonly kind: "policy"; readonly policy: EgressPolicy }
  | { readonly kind: "problems"; readonly problems: readonly EgressProblem[] };

export type Refusal = { readonly verdict: "refused"; readonly reason: string };
export type AddressVerdict = { readonly verdict: "allowed" } | Refusal;
/** `url` is as the WHATWG parser wrote it, without a trailing dot after the host. */
export type UrlVerdict = { readonly verdict: "allowed"; readonly url: URL } | Refusal;

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

interface Cidr {
  readonly family: 4 | 6;
  /** Bits to the right that are not compared. */
  readonly shift: bigint;
  /** The network, shifted right. */
  readonly network: bigint;
}

interface HostPattern {
  readonly kind: "exact" | "below";
  /** Lower case, ASCII, no leading or trailing dot; `below` matches every name that ends with a dot and this. */
  readonly name: string;
}

interface RuleList {
  readonly cidrs: readonly Cidr[];
  readonly hosts: readonly HostPattern[];
}

interface ClassifiedRange {
  readonly cidr: Cidr;
  readonly addressClass: AddressClass;
}

/**
 * First match wins, so the single metadata addresses stand before the ranges they hide in: Alibaba's in CGNAT, the
 * IPv6 ones of AWS and Google in ULA (both of which `private-ok` opens), Oracle's in 192.0.0.0/24; Azure's wire
 * server looks public, and no registry lists it.
 */
const IPV4_RANGES: readonly ClassifiedRange[] = rangesOf([
  ["metadata", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "169.254.169.254/32", "169.254.170.2/32"],
  ["unspecified", "0.0.0.0/8"],
  ["private", "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"],
  ["loopback", "127.0.0.0/8"],
  ["link-local", "169.254.0.0/16"],
  ["reserved", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"],
  ["reserved", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ["multicast", "224.0.0.0/4"],
  ["reserved", "240.0.0.0/4"],
]);

/**
 * Everything outside 2000::/3 is refused, known or not: the rows that are outside only give a better reason.
 * `translated` are the forms that carry an IPv4 address through a gateway whose view of that address we cannot know
 * (compatible, SIIT, local-use NAT64, 6to4, Teredo).
 */
const IPV6_RANGES: readonly ClassifiedRange[] = rangesOf([
  ["metadata", "fd00:ec2::254/128", "fd20:ce::254/128"],
  ["unspecified", "::/128"],
  ["loopback", "::1/128"],
  ["translated", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"],
  ["private", "fc00::/7"],
  ["link-local", "fe80::/10"],
  ["multicast", "ff00::/8"],
  ["reserved", "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"],
  ["public", "2000::/3"],
  ["reserved", "::/0"],
]);

const NAT64 = cidrOf("64:ff9b::/96");

/** Names that lead inside: refused by `public-only`, since a resolver with a search list answers them. */
const INSIDE_NAMES: readonly HostPattern[] = [
  "*.local",
  "*.internal",
  "*.svc",
  "*.cluster.local",
  "*.home.arpa",
  "*.lan",
].map(patternOf);
/** Refused by `private-ok` too. */
const SELF_NAMES: readonly HostPattern[] = ["localhost", "*.localhost", "localhost.localdomain"].map(patternOf);

/**
 * Reads the settings. Everything wrong is reported at once, as values, so that it can stand beside the faults of
 * other settings.
 */
export function parseEgressPolicy(settings: EgressSettings): EgressParse {
  const problems: EgressProblem[] = [];
  const profile = EGRESS_PROFILES.find((name) => name === settings.profile);
  if (profile === undefined) {
    problems.push({
      setting: "profile",
      found: `it is ${JSON.stringify(settings.profile)}`,
      remedy: `use ${EGRESS_PROFILES.join(", ")}`,
    });
  } else if (profile !== "custom") {
    for (const setting of ["allow", "deny"] as const) {
      if (settings[setting].length > 0) {
        problems.push({
          setting,
          found: `it is given, and the profile is ${profile}`,
          remedy: "use the profile custom, or remove the list",
        });
      }
    }
  }
  const allow = parseRules("allow", settings.allow, problems);
  const deny = parseRules("deny", settings.deny, problems);
  const own = parseRules("ownAddresses", settings.ownAddresses ?? [], problems);
  const lowPorts = settings.lowPorts ?? LOW_PORTS;
  for (const port of lowPorts) {
    if (!Number.isInteger(port) || port < 1 || port >= FIRST_HIGH_PORT) {
      problems.push({
        setting: "lowPorts",
        found: `it has ${port}`,
        remedy: "list whole numbers from 1 to 1023; higher ports are open",
      });
    }
  }
  if (profile === undefined || problems.length > 0) {
    return { kind: "problems", problems };
  }
  return { kind: "policy", policy: { profile, allow, deny, lowPorts, own: own.cidrs } };
}

/**
 * Judges one address that is about to be dialled, or was.
 *
 * @param ip Text as `dns.lookup` or `socket.remoteAddress` give it; anything else is refused.
 * @param host The name it was resolved from, if any. An allowed name opens private and loopback addresses, and no
 *   others: link-local, metadata and reserved ones need a CIDR, for whoever controls the zone below `*.example.com`
 *   could point a name of it at 169.254.169.254.
 */
export function judgeAddress(policy: EgressPolicy, ip: string, host?: string): AddressVerdict {
  const address = parseAddress(ip);
  if (address === undefined) {
    return refused(`${JSON.stringify(ip)} is no IP address`);
  }
  // The translator of the well-known prefix reaches exactly the IPv4 address that is embedded (RFC 6052), and in a
  // network with DNS64 every IPv4-only receiver has such an address: refusing them all would leave such a network with
  // nothing to send to. Non-public addresses behind it stay refused, as RFC 6052 §3.1 itself says.
  const embedded: Address | undefined = contains(NAT64, address)
    ? { family: 4, value: address.value & 0xffffffffn }
    : undefined;
  const name = host === undefined ? undefined : canonicalName(host);
  if (matches(policy.deny, address, name) || (embedded !== undefined && matches(policy.deny, embedded, undefined))) {
    return refused(`${ip} is on the deny list`);
  }
  if (policy.allow.cidrs.some((cidr) => contains(cidr, address))) {
    return ALLOWED;
  }
  if (policy.own.some((cidr) => contains(cidr, address) || (embedded !== undefined && contains(cidr, embedded)))) {
    return refused(`${ip} is an address of this installation itself`);
  }
  if (embedded !== undefined && classify(embedded) === "public") {
    return ALLOWED;
  }
  const addressClass = classify(address);
  switch (addressClass) {
    case "public":
      return ALLOWED;
    case "private":
      if (policy.profile === "private-ok" || nameAllowed(policy, name)) {
        return ALLOWED;
      }
      break;
    case "loopback":
      if (nameAllowed(policy, name)) {
        return ALLOWED;
      }
      break;
    case "link-local":
    case "metadata":
    case "multicast":
    case "unspecified":
    case "translated":
    case "reserved":
      break;
  }
  return refused(`${ip} is ${article(addressClass)} address`);
}

/**
 * Judges the text of a URL: scheme, user info, port and the name or literal address of the host. A name that passes
 * is not yet safe; its addresses are judged when it is dialled.
 */
export function judgeUrl(policy: EgressPolicy, text: string): UrlVerdict {
  // The parser strips tabs and outer spaces, takes backslashes for slashes and "http:host" for "http://host". Whoever
  // read the text before us did not, and believes it names another host.
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
    return refused(`port ${port} is not one that is sent to`);
  }
  const literal = literalOf(url.hostname);
  if (literal !== undefined) {
    const verdict = judgeAddress(policy, literal);
    return verdict.verdict === "allowed" ? { verdict: "allowed", url } : verdict;
  }
  const name = canonicalName(url.hostname);
  const reason = refusalOfName(policy, name);
  if (reason !== undefined) {
    return refused(reason);
  }
  if (name !== url.hostname) {
    // A certificate and a server name indication never carry the dot.
    url.hostname = name;
  }
  return { verdict: "allowed", url };
}

/** The address inside a URL's hostname, without brackets; undefined where it is a name. */
export function literalOf(hostname: string): string | undefined {
  if (hostname.startsWith("[")) {
    return hostname.slice(1, -1);
  }
  return isIPv4(hostname) ? hostname : undefined;
}

/** The port a URL is dialled at. */
export function portOf(url: URL): number {
  if (url.port !== "") {
    return Number(url.port);
  }
  return url.protocol === "https:" ? 443 : 80;
}

/** The class of an address, by the IANA special-purpose registries; undefined where it is no address. */
export function classOf(ip: string): AddressClass | undefined {
  const address = parseAddress(ip);
  return address === undefined ? undefined : classify(address);
}

const ALLOWED: AddressVerdict = { verdict: "allowed" };

function refused(reason: string): Refusal {
  return { verdict: "refused", reason };
}

function article(addressClass: AddressClass): string {
  return addressClass === "unspecified" ? `an ${addressClass}` : `a ${addressClass}`;
}

function refusalOfName(policy: EgressPolicy, name: string): string | undefined {
  if (name.length > HOST_LENGTH_MAX) {
    return `the host name is longer than ${HOST_LENGTH_MAX} characters`;
  }
  for (const label of name.split(".")) {
    if (label === "" || label.length > LABEL_LENGTH_MAX) {
      return `the host name has an empty label, or one longer than ${LABEL_LENGTH_MAX} characters`;
    }
  }
  if (policy.deny.hosts.some((pattern) => patternMatches(pattern, name))) {
    return `the host ${name} is on the deny list`;
  }
  if (nameAllowed(policy, name)) {
    return undefined;
  }
  if (SELF_NAMES.some((pattern) => patternMatches(pattern, name))) {
    return `the host ${name} is this machine`;
  }
  if (policy.profile === "private-ok") {
    return undefined;
  }
  if (!name.includes(".") || INSIDE_NAMES.some((pattern) => patternMatches(pattern, name))) {
    return `the host ${name} is a name of a private network`;
  }
  return undefined;
}

function nameAllowed(policy: EgressPolicy, name: string | undefined): boolean {
  return name !== undefined && policy.allow.hosts.some((pattern) => patternMatches(pattern, name));
}

function matches(rules: RuleList, address: Address, name: string | undefined): boolean {
  return (
    rules.cidrs.some((cidr) => contains(cidr, address)) ||
    (name !== undefined && rules.hosts.some((pattern) => patternMatches(pattern, name)))
  );
}

function patternMatches(pattern: HostPattern, name: string): boolean {
  return pattern.kind === "exact" ? name === pattern.name : name.endsWith(`.${pattern.name}`);
}

function canonicalName(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

function classify(address: Address): AddressClass {
  const ranges = address.family === 4 ? IPV4_RANGES : IPV6_RANGES;
  return ranges.find((range) => contains(range.cidr, address))?.addressClass ?? "public";
}

function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >> cidr.shift === cidr.network;
}

/**
 * Text to number. An IPv4-mapped address becomes the IPv4 address, since that is what the kernel dials; an address
 * with a zone (`fe80::1%eth0`) is none.
 */
function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) {
    return { family: 4, value: ipv4Value(text) };
  }
  if (!isIPv6(text) || text.includes("%")) {
    return undefined;
  }
  const value = ipv6Value(text);
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

function ipv4Value(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const left = ipv6Groups(head);
  const right = tail === undefined ? [] : ipv6Groups(tail);
  const zeros = new Array<bigint>(8 - left.length - right.length).fill(0n);
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | group, 0n);
}

function ipv6Groups(text: string): bigint[] {
  if (text === "") {
    return [];
  }
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) {
      const value = ipv4Value(group);
      return [value >> 16n, value & 0xffffn];
    }
    return [BigInt(`0x${group}`)];
  });
}

type RuleParse =
  | { readonly kind: "cidr"; readonly cidr: Cidr }
  | { readonly kind: "host"; readonly pattern: HostPattern }
  | { readonly kind: "problem"; readonly remedy: string };

function parseRules(
  setting: "allow" | "deny" | "ownAddresses",
  texts: readonly string[],
  problems: EgressProblem[],
): RuleList {
  const cidrs: Cidr[] = [];
  const hosts: HostPattern[] = [];
  for (const text of texts) {
    const rule = parseRule(text.trim());
    if (rule.kind === "cidr") {
      cidrs.push(rule.cidr);
    } else if (rule.kind === "host" && setting !== "ownAddresses") {
      hosts.push(rule.pattern);
    } else {
      const remedy = rule.kind === "problem" ? rule.remedy : "list IP addresses here";
      problems.push({ setting, found: `it has ${JSON.stringify(text)}`, remedy });
    }
  }
  return { cidrs, hosts };
}

function parseRule(text: string): RuleParse {
  const slash = text.indexOf("/");
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address !== undefined) {
    return parseCidr(text, address, slash === -1 ? undefined : text.slice(slash + 1));
  }
  const below = text.startsWith("*.");
  const name = canonicalName(domainToASCII(below ? text.slice(2) : text));
  // A name of digits alone is a mistyped address (10.1.2, 10.1.2.3.4): no top-level domain is a number.
  if (!/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) || /(^|\.)[0-9]+$/.test(name)) {
    return { kind: "problem", remedy: "use a CIDR (10.0.0.0/8), an address, a host name, or *.example.com" };
  }
  return { kind: "host", pattern: { kind: below ? "below" : "exact", name } };
}

function parseCidr(text: string, address: Address, prefixText: string | undefined): RuleParse {
  const mapped = address.family === 4 && text.includes(":");
  const bits = address.family === 4 ? 32 : 128;
  const written = prefixText === undefined ? (mapped ? 128 : bits) : Number(prefixText);
  const prefix = mapped ? written - 96 : written;
  if ((prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) || prefix < 0 || prefix > bits) {
    return { kind: "problem", remedy: `give a prefix length from ${mapped ? 96 : 0} to ${mapped ? 128 : bits}` };
  }
  const shift = BigInt(bits - prefix);
  const network = address.value >> shift;
  // 10.1.2.3/8 is more often a slip than a wish, and an allow list is the wrong place to guess.
  if (network << shift !== address.value) {
    return { kind: "problem", remedy: `bits are set after the prefix; write the network itself, or a longer prefix` };
  }
  return { kind: "cidr", cidr: { family: address.family, shift, network } };
}

function cidrOf(text: string): Cidr {
  const rule = parseRule(text);
  if (rule.kind !== "cidr") {
    throw new Error(`${text} is no CIDR`);
  }
  return rule.cidr;
}

function patternOf(text: string): HostPattern {
  const rule = parseRule(text);
  if (rule.kind !== "host") {
    throw new Error(`${text} is no host pattern`);
  }
  return rule.pattern;
}

function rangesOf(rows: readonly (readonly [AddressClass, ...string[]])[]): readonly ClassifiedRange[] {
  return rows.flatMap(([addressClass, ...cidrs]) => cidrs.map((text) => ({ cidr: cidrOf(text), addressClass })));
}
