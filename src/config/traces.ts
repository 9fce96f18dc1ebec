import type { TraceSettings } from "../telemetry/traces/traces.ts";
import { given } from "./environment.ts";
import { cannotRead, quoted, type Reading, readText } from "./reading.ts";
import { type CollectorSetting, type PairsSetting, type RatioSetting, TRACE_SETTINGS } from "./traceSettings.ts";
import { readCertificates, readChoice, readInteger } from "./values.ts";

/**
 * What OTEL_* says of traces; null if nothing is to be traced. These variables are often those of a whole cluster, so they
 * are read, and can be wrong, only if they turn traces on.
 */
export function readTraces(reading: Reading, trusted: readonly string[]): TraceSettings | null {
  const url = readUrlOfTraces(reading);
  if (url === null) {
    return null;
  }
  const queueSize = readInteger(reading, TRACE_SETTINGS.queueSize);
  return {
    url,
    protocol: readProtocol(reading),
    headers: {
      ...readHeaders(reading, TRACE_SETTINGS.headers),
      ...readHeaders(reading, { ...TRACE_SETTINGS.headers, name: TRACE_SETTINGS.headers.tracesName }),
    },
    compression: readChoice(reading, forTraces(reading, TRACE_SETTINGS.compression)) ?? "none",
    caCertificates: [...trusted, ...readCertificates(reading, forTraces(reading, TRACE_SETTINGS.certificate))],
    timeoutMs: readInteger(reading, forTraces(reading, TRACE_SETTINGS.timeout)),
    sampler: readChoice(reading, TRACE_SETTINGS.sampler) ?? TRACE_SETTINGS.sampler.default,
    samplerRatio: readRatio(reading, TRACE_SETTINGS.samplerRatio),
    resource: readResource(reading),
    queue: {
      spansMax: queueSize,
      exportSpansMax: Math.min(queueSize, readInteger(reading, TRACE_SETTINGS.exportSize)),
      delayMs: readInteger(reading, TRACE_SETTINGS.scheduleDelay),
      exportTimeoutMs: readInteger(reading, TRACE_SETTINGS.exportTimeout),
    },
  };
}

/** Null if traces are off, or the URL is wrong. */
function readUrlOfTraces(reading: Reading): string | null {
  const { disabled, exporter, endpoint, tracesEndpoint } = TRACE_SETTINGS;
  if (given(reading.env, disabled.name)?.toLowerCase() === "true" || given(reading.env, exporter.name) === "none") {
    return null;
  }
  const isNamed = [endpoint, tracesEndpoint].some(({ name }) => given(reading.env, name) !== null);
  if (!isNamed && given(reading.env, exporter.name) !== "otlp") {
    return null;
  }
  readChoice(reading, exporter);
  if (given(reading.env, disabled.name)?.toLowerCase() !== "false") {
    readChoice(reading, disabled);
  }
  if (given(reading.env, tracesEndpoint.name) !== null) {
    return readCollector(reading, tracesEndpoint)?.href ?? null;
  }
  const url = readCollector(reading, endpoint);
  if (url !== null) {
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  }
  return url?.href ?? null;
}

/** The setting under the name for traces alone, if that is set. */
function forTraces<Setting extends { readonly name: string; readonly tracesName: string }>(
  { env }: Reading,
  setting: Setting,
): Setting {
  return given(env, setting.tracesName) === null ? setting : { ...setting, name: setting.tracesName };
}

function readProtocol(reading: Reading): TraceSettings["protocol"] {
  const setting = forTraces(reading, TRACE_SETTINGS.protocol);
  if (given(reading.env, setting.name) === "grpc") {
    const remedy = "use http/protobuf, and in the endpoint the port that the collector has for it, usually 4318";
    reading.faults.push(cannotRead(setting.name, 'it is "grpc", which is not supported', remedy));
    return setting.default;
  }
  return readChoice(reading, setting) ?? setting.default;
}

/** No fault repeats the URL, which may hold a password. */
function readCollector(reading: Reading, setting: CollectorSetting): URL | null {
  const url = URL.parse(readText(reading, setting) ?? setting.default ?? "");
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    const remedy = "use one such as http://collector.internal:4318";
    reading.faults.push(cannotRead(setting.name, "it is not the URL of a collector for OTLP over HTTP", remedy));
    return null;
  }
  if (url.username !== "" || url.password !== "") {
    const remedy = `give them as ${TRACE_SETTINGS.headers.name}=authorization=Basic%20…`;
    reading.faults.push(cannotRead(setting.name, "it has a user or a password", remedy));
    return null;
  }
  return url;
}

/** No fault repeats a value. */
function readHeaders(reading: Reading, setting: PairsSetting): Record<string, string> {
  const headers = readPairs(reading, setting);
  for (const [name, value] of Object.entries(headers)) {
    // With a colon in the place of the equals sign, the value is a part of what was taken for the name.
    const [start = ""] = /^[!#$%&'*+.^_`|~0-9a-z-]*/i.exec(name) ?? [];
    if (start === "" || start !== name || /[^\t\x20-\x7e]/.test(value)) {
      const found = `it has a header that begins with ${quoted(start)}, which no request can have`;
      reading.faults.push(cannotRead(setting.name, found, "write name=value, with visible ASCII as the value"));
    }
  }
  return headers;
}

function readPairs(reading: Reading, setting: PairsSetting): Record<string, string> {
  const pairs: Record<string, string> = {};
  const entries = (readText(reading, setting) ?? "").split(",").filter((entry) => entry.trim() !== "");
  for (const [index, entry] of entries.entries()) {
    const [, key, value] = /^\s*([^=]*[^=\s])\s*=(.*)$/s.exec(entry) ?? [];
    const decoded = value === undefined ? null : percentDecoded(value.trim());
    if (key === undefined || decoded === null) {
      const remedy = "write each as key=value, with commas, blanks and percent signs of a value percent-encoded";
      reading.faults.push(cannotRead(setting.name, `entry ${index + 1} of it is not key=value`, remedy));
    } else {
      pairs[key] = decoded;
    }
  }
  return pairs;
}

/** Null if it is malformed. */
function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function readResource(reading: Reading): Record<string, string> {
  const attributes = readPairs(reading, TRACE_SETTINGS.resourceAttributes);
  const { serviceName } = TRACE_SETTINGS;
  const name = readText(reading, serviceName) ?? attributes["service.name"] ?? serviceName.default;
  return { ...attributes, "service.name": name };
}

function readRatio(reading: Reading, setting: RatioSetting): number {
  const text = readText(reading, setting) ?? setting.default;
  const ratio = /^(?:0|1|0?\.\d+|[01]\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) {
    return ratio;
  }
  reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, "use a number from 0 to 1, such as 0.1"));
  return 1;
}
