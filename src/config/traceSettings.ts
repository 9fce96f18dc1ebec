import { SAMPLERS } from "../telemetry/traces/traces.ts";
import type { CertificatesSetting, ChoiceSetting, IntegerSetting, SettingBase } from "./settings.ts";

/** The table of settings that OpenTelemetry has named. What is not in it is read by other programs, or by none. */
export const TRACE_SETTINGS = {
  disabled: {
    name: "OTEL_SDK_DISABLED",
    type: "choice",
    choices: ["true", "false"],
    default: "false",
    secret: false,
    sentence: "`true` traces nothing, whatever the others say.",
  },
  exporter: {
    name: "OTEL_TRACES_EXPORTER",
    type: "choice",
    choices: ["otlp", "none"],
    default: "otlp",
    secret: false,
    sentence: "`none` traces nothing. Setting it to `otlp` turns traces on even if no endpoint is set.",
  },
  endpoint: {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    type: "collector",
    default: "http://localhost:4318",
    secret: false,
    sentence: "The collector's URL for OTLP over HTTP, to which `/v1/traces` is appended. Setting it turns traces on.",
  },
  tracesEndpoint: {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    type: "collector",
    default: null,
    secret: false,
    sentence: "The same, used as it is, if traces go elsewhere.",
  },
  protocol: {
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    tracesName: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    type: "choice",
    choices: ["http/protobuf", "http/json"],
    default: "http/protobuf",
    secret: false,
    sentence: "How spans are written. `grpc` is not supported.",
  },
  headers: {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    tracesName: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    type: "pairs",
    default: "",
    secret: true,
    sentence: "Headers for the collector, such as `api-key=…,x-tenant=shop`, with percent-encoded values.",
  },
  timeout: {
    name: "OTEL_EXPORTER_OTLP_TIMEOUT",
    tracesName: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    type: "integer",
    default: 10_000,
    min: 1,
    max: 600_000,
    secret: false,
    sentence: "Milliseconds for one export, with its retries.",
  },
  compression: {
    name: "OTEL_EXPORTER_OTLP_COMPRESSION",
    tracesName: "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    type: "choice",
    choices: ["none", "gzip"],
    default: "none",
    secret: false,
    sentence: "How exports are compressed.",
  },
  certificate: {
    name: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    tracesName: "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    type: "certificates",
    default: null,
    secret: false,
    sentence:
      "A file of CA certificates in PEM. A collector with a certificate from them is trusted, in addition to those that Node.js or `POSTRIDER_CA_FILE` trusts.",
  },
  serviceName: {
    name: "OTEL_SERVICE_NAME",
    type: "text",
    default: "postrider",
    secret: false,
    sentence: "The service that spans are from.",
  },
  resourceAttributes: {
    name: "OTEL_RESOURCE_ATTRIBUTES",
    type: "pairs",
    default: "",
    secret: false,
    sentence: "What else is said of it, such as `deployment.environment.name=production`, with percent-encoded values.",
  },
  sampler: {
    name: "OTEL_TRACES_SAMPLER",
    type: "choice",
    choices: SAMPLERS,
    default: "parentbased_always_on",
    secret: false,
    sentence:
      "Which attempts are traced. The samplers that begin with `parentbased_` follow the event's `traceparent`, and decide as the rest of the name says if it has none.",
  },
  samplerRatio: {
    name: "OTEL_TRACES_SAMPLER_ARG",
    type: "ratio",
    default: "1",
    secret: false,
    sentence: "The part of all traces that the samplers by ratio keep.",
  },
  scheduleDelay: {
    name: "OTEL_BSP_SCHEDULE_DELAY",
    type: "integer",
    default: 5_000,
    min: 1,
    max: 600_000,
    secret: false,
    sentence: "Milliseconds between exports, unless a full one is ready earlier.",
  },
  exportTimeout: {
    name: "OTEL_BSP_EXPORT_TIMEOUT",
    type: "integer",
    default: 30_000,
    min: 1,
    max: 600_000,
    secret: false,
    sentence: "Milliseconds after which the next export no longer waits for one.",
  },
  queueSize: {
    name: "OTEL_BSP_MAX_QUEUE_SIZE",
    type: "integer",
    default: 2_048,
    min: 1,
    max: 65_536,
    secret: false,
    sentence:
      "Spans that are kept for the collector, 4 KiB of memory each; eight links of a batch count as another one. Further ones are lost.",
  },
  exportSize: {
    name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    type: "integer",
    default: 512,
    min: 1,
    max: 65_536,
    secret: false,
    sentence: "Spans in one export; not more than the queue holds.",
  },
} as const satisfies Readonly<Record<string, TraceSetting>>;

/** What may be said for traces alone has a second name, which comes first. */
interface Specific {
  readonly tracesName?: string;
}

export interface CollectorSetting extends SettingBase {
  readonly type: "collector";
  readonly default: string | null;
}

/** `key=value,key=value`, with percent-encoded values. */
export interface PairsSetting extends SettingBase {
  readonly type: "pairs";
  readonly default: "";
}

export interface TextSetting extends SettingBase {
  readonly type: "text";
  readonly default: string;
}

/** A number from 0 to 1. */
export interface RatioSetting extends SettingBase {
  readonly type: "ratio";
  readonly default: string;
}

export type TraceSetting = (
  | ChoiceSetting
  | IntegerSetting
  | CertificatesSetting
  | CollectorSetting
  | PairsSetting
  | TextSetting
  | RatioSetting
) &
  Specific;
