/**
 * IP addresses as numbers. They are never compared as text: `::ffff:7f00:1`, `0x7f.1` and `127.0.0.1` are one address,
 * and every library that compared spellings has had a CVE for it.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Cidr {
  readonly family: 4 | 6;
  /** Bits on the right that are not compared. */
  readonly shift: bigint;
  /** The network, shifted right. */
  readonly network: bigint;
}

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

/** The class of an address, by the IANA special-purpose registries; undefined if the text is not an address. */
export function classOf(ip: string): AddressClass | undefined {
  const address = parseAddress(ip);
  return address === undefined ? undefined : classify(address);
}

export function classify(address: Address): AddressClass {
  const ranges = address.family === 4 ? IPV4_RANGES : IPV6_RANGES;
  return ranges.find((range) => contains(range.cidr, address))?.addressClass ?? "public";
}

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >> cidr.shift === cidr.network;
}

/** Of the IPv4 address at the end of one behind NAT64. */
export const EMBEDDED_BITS = 32n;

/** The IPv4 address that a NAT64 translator reaches, if this is one of the well-known prefix (RFC 6052). */
export function behindNat64(address: Address): Address | undefined {
  return embeddedBehind([NAT64], address);
}

/** The same for other prefixes, each of which leaves EMBEDDED_BITS. */
export function embeddedBehind(prefixes: readonly Cidr[], address: Address): Address | undefined {
  return prefixes.some((prefix) => contains(prefix, address))
    ? { family: 4, value: address.value & ((1n << EMBEDDED_BITS) - 1n) }
    : undefined;
}

/** The address, and the one that it leads to if it is behind NAT64, by the well-known prefix or one of `prefixes`. */
export function reachedBy(prefixes: readonly Cidr[], address: Address): readonly Address[] {
  const inner = embeddedBehind([NAT64, ...prefixes], address);
  return inner === undefined ? [address] : [address, inner];
}

/**
 * Text to number. An IPv4-mapped address becomes the IPv4 address, since that is what the kernel dials; an address
 * with a zone (`fe80::1%eth0`) is none.
 */
export function parseAddress(text: string): Address | undefined {
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

export type CidrParse =
  | { readonly kind: "cidr"; readonly cidr: Cidr }
  | { readonly kind: "problem"; readonly remedy: string };

/** A CIDR or a single address; undefined if the text does not begin with an address. */
export function parseCidr(text: string): CidrParse | undefined {
  const [addressText = "", prefixText] = splitOnce(text, "/");
  const address = parseAddress(addressText);
  if (address === undefined) {
    return undefined;
  }
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
    return { kind: "problem", remedy: "bits are set after the prefix: write the network itself, or a longer prefix" };
  }
  return { kind: "cidr", cidr: { family: address.family, shift, network } };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function cidrOf(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed?.kind !== "cidr") {
    throw new Error(`${text} is not a CIDR`);
  }
  return parsed.cidr;
}

function rangesOf(rows: readonly (readonly [AddressClass, ...string[]])[]): readonly ClassifiedRange[] {
  return rows.flatMap(([addressClass, ...cidrs]) => cidrs.map((text) => ({ cidr: cidrOf(text), addressClass })));
}
