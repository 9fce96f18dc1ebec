import { BlockList, isIP } from "node:net";
import { SCOPES, type Scope } from "../domain/scope.ts";
import { nearest } from "../ground/nearest.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import { given } from "./environment.ts";
import { cannotRead, quoted, type Reading, readText } from "./reading.ts";
import { type HeaderSetting, SETTINGS } from "./settings.ts";
import { readList } from "./values.ts";

/** Whom a proxy may name; null if none is trusted. Half of the settings would let nobody in, or everybody. */
export function readTrustedUsers(reading: Reading): TrustedUsers | null {
  const { trustedUserHeader, trustedGroupsHeader, trustedGroups, trustedProxies } = SETTINGS;
  const userHeader = readHeader(reading, trustedUserHeader);
  const groupsHeader = readHeader(reading, trustedGroupsHeader);
  const scopesOf = readGroups(reading);
  const proxies = readProxies(reading);
  if (given(reading.env, trustedUserHeader.name) === null) {
    for (const { name } of [trustedGroupsHeader, trustedGroups, trustedProxies]) {
      if (given(reading.env, name) !== null) {
        const found = `${trustedUserHeader.name} is not set, so it has no effect`;
        reading.faults.push(cannotRead(name, found, `set ${trustedUserHeader.name}, or unset ${name}`));
      }
    }
    return null;
  }
  for (const [{ name }, example] of [
    [trustedGroups, "ops=operate+payload,*=read"],
    [trustedProxies, "127.0.0.1"],
  ] as const) {
    if (given(reading.env, name) === null) {
      reading.faults.push(cannotRead(name, `it is not set, and ${trustedUserHeader.name} is`, `set it to ${example}`));
    }
  }
  if (groupsHeader === null && [...scopesOf.keys()].some((group) => group !== "*")) {
    const found = `it names groups, and ${trustedGroupsHeader.name} is not set`;
    reading.faults.push(cannotRead(trustedGroups.name, found, `set ${trustedGroupsHeader.name}, or name * alone`));
  }
  return userHeader === null ? null : { userHeader, groupsHeader, scopesOf, proxies };
}

/** In small letters. */
function readHeader(reading: Reading, setting: HeaderSetting): string | null {
  const text = readText(reading, setting);
  if (text === null) {
    return null;
  }
  if (!/^[a-z0-9-]{1,100}$/i.test(text) || TAKEN.test(text)) {
    const remedy = "use the name of a header that the proxy sets, such as X-Forwarded-User";
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return null;
  }
  return text.toLowerCase();
}

/** What clients and connections have another use for. */
const TAKEN =
  /^(?:authorization|connection|content-.*|cookie|host|idempotency-key|if-.*|origin|sec-.*|transfer-encoding)$/i;

/** `ops=operate+payload`, `*=read`. */
function readGroups(reading: Reading): ReadonlyMap<string, readonly Scope[]> {
  const { name } = SETTINGS.trustedGroups;
  const scopesOf = new Map<string, readonly Scope[]>();
  for (const entry of readList(reading, SETTINGS.trustedGroups)) {
    const at = entry.lastIndexOf("=");
    const group = entry.slice(0, Math.max(at, 0)).trim();
    const scopes = entry
      .slice(at + 1)
      .split("+")
      .map((scope) => scope.trim());
    const unknown = scopes.find((scope) => !isScope(scope));
    if (group === "") {
      reading.faults.push(cannotRead(name, `it has ${quoted(entry)}`, "write each entry as group=scope+scope"));
    } else if (unknown !== undefined) {
      const meant = nearest(unknown, SCOPES);
      const all = `the scopes are ${SCOPES.join(", ")}`;
      const remedy = meant === null ? all : `did you mean "${meant}"? ${all}`;
      reading.faults.push(cannotRead(name, `${quoted(unknown)} is no scope`, remedy));
    } else {
      scopesOf.set(group, [...(scopesOf.get(group) ?? []), ...scopes.filter(isScope)]);
    }
  }
  return scopesOf;
}

function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/** Addresses and CIDRs. One that holds every address would let everybody say who they are. */
function readProxies(reading: Reading): BlockList {
  const proxies = new BlockList();
  for (const entry of readList(reading, SETTINGS.trustedProxies)) {
    const [address = "", length, ...rest] = entry.split("/");
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : 0;
    if (version === 0 || rest.length > 0 || prefix < 1 || prefix > bits) {
      const remedy = "list addresses and CIDRs of the proxy, such as 127.0.0.1 or 10.0.3.0/24, and not all there are";
      reading.faults.push(cannotRead(SETTINGS.trustedProxies.name, `it has ${quoted(entry)}`, remedy));
    } else {
      proxies.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
    }
  }
  return proxies;
}
