import { readFileSync } from "node:fs";
import { readConnectionUrl, UnreadableUrl, withVariables } from "../db/libpq.ts";
import { isUriReference } from "../format/uriReference.ts";
import type { Fault } from "../ground/errors.ts";
import { nearest } from "../ground/nearest.ts";
import { parseCertificates } from "../http/egress/certificates.ts";
import { type EgressProxy, parseProxy } from "../http/egress/proxy.ts";
import { parseSealingKey, type SealingKey } from "../secrets/sealing.ts";
import { durationRemedy, parseDurationMs } from "./duration.ts";
import { cannotRead, quoted, type Reading, readText, reasonOf } from "./reading.ts";
import type {
  CertificatesSetting,
  ChoiceSetting,
  DurationSetting,
  IntegerSetting,
  KeysSetting,
  ListSetting,
  ProxySetting,
  UriReferenceSetting,
  UrlSetting,
} from "./settings.ts";

/** With what the PG* variables add to it. */
export function readUrl(reading: Reading, setting: UrlSetting): string | null {
  const text = readText(reading, setting);
  if (text === null) {
    return null;
  }
  try {
    readConnectionUrl(text);
  } catch (thrown) {
    reading.faults.push(urlFault(setting.name, thrown));
    return null;
  }
  return withPgVariables(reading, text);
}

/** Null if a variable says what cannot be as libpq has it. */
export function withPgVariables(reading: Reading, url: string): string | null {
  try {
    const text = withVariables(url, reading.env);
    readConnectionUrl(text);
    return text;
  } catch (thrown) {
    const fault = urlFault("the PG* variables", thrown);
    if (!reading.faults.some(({ found }) => found === fault.found)) {
      reading.faults.push(fault);
    }
    return null;
  }
}

function urlFault(name: string, thrown: unknown): Fault {
  if (!(thrown instanceof UnreadableUrl)) {
    throw thrown;
  }
  return cannotRead(name, thrown.found, thrown.remedy);
}

/** Null also if the value is wrong, because nothing may be concluded from it. */
export function readChoice<Choice extends string>(reading: Reading, setting: ChoiceSetting<Choice>): Choice | null {
  const text = readText(reading, setting);
  if (text === null) {
    return setting.default;
  }
  const choice = setting.choices.find((candidate) => candidate === text);
  if (choice !== undefined) {
    return choice;
  }
  const meant = nearest(text, setting.choices);
  const all = setting.choices.join(", ");
  const remedy = meant === null ? `use one of ${all}` : `did you mean "${meant}"? It is one of ${all}`;
  reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
  return null;
}

export function readInteger(reading: Reading, setting: IntegerSetting): number {
  const text = readText(reading, setting);
  if (text === null) {
    return setting.default;
  }
  if (text === "auto" && setting.auto !== undefined) {
    return Math.min(setting.auto(), setting.max);
  }
  const value = /^\d{1,15}$/.test(text) ? Number(text) : null;
  if (value === null || value < setting.min || value > setting.max) {
    const orAuto = setting.auto === undefined ? "" : ", or auto";
    const remedy = `use a whole number from ${setting.min} to ${setting.max}${orAuto}`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return setting.default;
  }
  return value;
}

export function readDurationMs(reading: Reading, setting: DurationSetting & { readonly default: string }): number {
  return readOptionalDurationMs(reading, setting) ?? durationMs(setting.default);
}

/** Null if it is not set and has no default. */
export function readOptionalDurationMs(reading: Reading, setting: DurationSetting): number | null {
  const text = readText(reading, setting) ?? setting.default;
  if (text === null) {
    return null;
  }
  const valueMs = parseDurationMs(text);
  const isWithin = valueMs !== null && valueMs >= durationMs(setting.min) && valueMs <= durationMs(setting.max);
  if (!isWithin) {
    const remedy = valueMs === null ? durationRemedy(text) : `use ${setting.min} to ${setting.max}`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return null;
  }
  return valueMs;
}

/** A duration of the table itself. */
function durationMs(text: string): number {
  const valueMs = parseDurationMs(text);
  if (valueMs === null) {
    throw new Error(`the table of settings contains the malformed duration ${text}`);
  }
  return valueMs;
}

export function readList(reading: Reading, setting: ListSetting): readonly string[] {
  return (readText(reading, setting) ?? setting.default)
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

const ORIGIN = /^https?:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/;

/** Origins as a browser writes them: they are compared with what it says, and stand in a header. */
export function readOrigins(reading: Reading, setting: ListSetting): readonly string[] {
  const origins = readList(reading, setting);
  for (const origin of origins) {
    if (!ORIGIN.test(origin) || URL.parse(origin)?.origin !== origin) {
      const remedy =
        "use origins such as https://app.example.com: in small letters, without a path and the default port";
      reading.faults.push(cannotRead(setting.name, `it has ${quoted(origin)}`, remedy));
    }
  }
  return origins;
}

/** No fault repeats the URL, which may hold a password. */
export function readProxy(reading: Reading, setting: ProxySetting): EgressProxy | null {
  const text = readText(reading, setting);
  if (text === null) {
    return null;
  }
  const parsed = parseProxy(text);
  if (parsed.kind === "problem") {
    reading.faults.push(cannotRead(setting.name, "it is not the URL of an HTTP proxy", parsed.remedy));
    return null;
  }
  return parsed.proxy;
}

/** The certificates of a file, in PEM. */
export function readCertificates(reading: Reading, setting: CertificatesSetting): readonly string[] {
  const path = readText(reading, setting);
  if (path === null) {
    return [];
  }
  try {
    const parsed = parseCertificates(readFileSync(path, "utf8"));
    if (parsed.kind === "certificates") {
      return parsed.certificates;
    }
    reading.faults.push(cannotRead(setting.name, `the file ${quoted(path)} ${parsed.found}`, CERTIFICATES_REMEDY));
  } catch (thrown) {
    const found = `the file ${quoted(path)} cannot be read (${reasonOf(thrown)})`;
    reading.faults.push(cannotRead(setting.name, found, "give the path of a file that this user may read"));
  }
  return [];
}

const CERTIFICATES_REMEDY =
  "give a file of certificates in PEM, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----";

const URI_CHARS_MAX = 1_024;

/** A URI or a relative reference, by RFC 3986. */
export function readUriReference(reading: Reading, setting: UriReferenceSetting): string {
  const text = readText(reading, setting);
  if (text === null) {
    return setting.default;
  }
  if (text.length > URI_CHARS_MAX || !isUriReference(text)) {
    const remedy = `use a URI such as https://shop.example.com/orders, or a part such as /orders, of at most ${URI_CHARS_MAX} characters`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return setting.default;
  }
  return text;
}

const KEYS_REMEDY = "make each key with: openssl rand -base64 32";

/** No fault repeats an entry. */
export function readKeys(reading: Reading, setting: KeysSetting): readonly SealingKey[] {
  const text = readText(reading, setting);
  const entries = (text ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (text !== null && entries.length === 0) {
    // Taken for no setting, it would let the daemon pause every endpoint whose secret is sealed.
    reading.faults.push(cannotRead(setting.name, "it has no key", KEYS_REMEDY));
  }
  const keys: SealingKey[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = parseSealingKey(entry);
    if (key === null) {
      reading.faults.push(cannotRead(setting.name, `entry ${index + 1} of it is not 32 bytes in base64`, KEYS_REMEDY));
    } else if (keys.some(({ id }) => id === key.id)) {
      reading.faults.push(cannotRead(setting.name, `entry ${index + 1} of it repeats another one`, "leave it out"));
    } else {
      keys.push(key);
    }
  }
  return keys;
}
